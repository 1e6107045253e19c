//! Whole numbers as decimal digits, appended to a buffer: what `format!` would do, without its machinery.

/// Appends `number`.
#[inline]
pub fn push(out: &mut Vec<u8>, number: u64) {
    if number < 10 {
        out.push(b'0' + number as u8);
    } else {
        push_many(out, number);
    }
}

fn push_many(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_written_as_display_writes_them() {
        for number in [0, 1, 9, 10, 11, 99, 100, 12_345, 1_000_000_007, u64::MAX] {
            let mut out = b"n=".to_vec();
            super::push(&mut out, number);
            assert_eq!(out, format!("n={number}").into_bytes());
        }
    }
}
