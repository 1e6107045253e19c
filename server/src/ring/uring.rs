//! One io_uring, set up the modern way, and the operations the driver asks of it.
//!
//! Every operation that hands memory to the kernel is an `unsafe fn` here and says how long the memory has to live; everything
//! else is safe to call.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use io_uring::{EnterFlags, IoUring, cqueue, opcode, squeue, types};

use super::token::{Op, Token};

/// An io_uring used by the thread that made it.
pub(super) struct Uring {
    io: IoUring,
    /// The index of the ring among the thread's registered rings, which spares a descriptor look-up per enter.
    registered: Option<u32>,
    /// `NO_IOWAIT` where the kernel knows it: a core that waits for requests is idle, not waiting for a disk.
    wait_flags: u32,
    task_run: TaskRun,
    /// Timer values that submissions not yet seen by the kernel point to.
    #[allow(clippy::vec_box, reason = "the kernel holds their addresses until they are submitted")]
    timespecs: Vec<Box<types::Timespec>>,
}

/// When the kernel finishes work that arrived from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskRun {
    /// Only inside our own enter: no interrupted computation, and completions come in batches (kernel 6.1).
    Deferred,
    /// At any transition to the kernel (kernel 5.19).
    Cooperative,
}

impl fmt::Display for TaskRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TaskRun::Deferred => "deferred task work",
            TaskRun::Cooperative => "cooperative task work",
        })
    }
}

/// What the kernel takes as the extended argument of an enter.
#[repr(C)]
struct WaitArgument {
    sigmask: u64,
    sigmask_size: u32,
    min_wait_us: u32,
    timespec: u64,
}

impl Uring {
    /// A ring for this thread: `DEFER_TASKRUN`, or `COOP_TASKRUN` where the kernel refuses that.
    pub fn new(submissions: u32, completions: u32) -> io::Result<Uring> {
        let mut task_run = TaskRun::Deferred;
        let mut io = IoUring::builder()
            .setup_submit_all()
            .setup_cqsize(completions)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(submissions);
        if io.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EINVAL)) {
            task_run = TaskRun::Cooperative;
            io = IoUring::builder()
                .setup_submit_all()
                .setup_cqsize(completions)
                .setup_coop_taskrun()
                .setup_taskrun_flag()
                .build(submissions);
        }
        let io = io?;
        if !io.params().is_feature_ext_arg() || !io.params().is_feature_nodrop() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "bounded waits or lossless completions are missing",
            ));
        }
        let wait_flags = if io.params().is_feature_no_iowait() { EnterFlags::NO_IOWAIT.bits() } else { 0 };
        let registered = register_ring(io.as_raw_fd());
        Ok(Uring { io, registered, wait_flags, task_run, timespecs: Vec::new() })
    }

    pub fn task_run(&self) -> TaskRun {
        self.task_run
    }

    /// Submits what is queued, runs deferred work, and waits until `want` completions are there or `timeout` is over.
    pub fn enter(&mut self, want: u32, timeout: Duration) -> io::Result<()> {
        let submit = self.io.submission().len() as u32;
        let timespec = types::Timespec::from(timeout);
        let wait = WaitArgument { sigmask: 0, sigmask_size: 0, min_wait_us: 0, timespec: (&raw const timespec) as u64 };
        let mut flags = EnterFlags::GETEVENTS.bits() | EnterFlags::EXT_ARG.bits() | self.wait_flags;
        let fd = match self.registered {
            Some(index) => {
                flags |= EnterFlags::REGISTERED_RING.bits();
                index as RawFd
            }
            None => self.io.as_raw_fd(),
        };
        // SAFETY: `wait` and the timespec in it outlive the call, and every queued submission was pushed by a function
        // below, which vouches for its memory.
        let result = unsafe {
            libc::syscall(libc::SYS_io_uring_enter, fd, submit, want, flags, &raw const wait, size_of::<WaitArgument>())
        };
        if self.submitted_all() {
            self.timespecs.clear();
        }
        if result < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                // Nothing happened in time; a signal; completions have to be taken first; short of memory: go round again.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            };
        }
        Ok(())
    }

    /// Whether the kernel has taken every submission, so that memory lent until submission is free again.
    #[inline]
    pub fn submitted_all(&mut self) -> bool {
        self.io.submission().is_empty()
    }

    /// Whether completions wait in the kernel because the completion queue was full.
    pub fn overflown(&mut self) -> bool {
        self.io.submission().cq_overflow()
    }

    /// Moves completions into `into` and returns those moved.
    #[inline]
    pub fn completions<'a>(&mut self, into: &'a mut [MaybeUninit<cqueue::Entry>]) -> &'a [cqueue::Entry] {
        self.io.completion().fill(into)
    }

    /// Whether a completion is there to be taken.
    pub fn has_completions(&mut self) -> bool {
        !self.io.completion().is_empty()
    }

    /// Accepts on `listener` until cancelled or an error.
    pub fn accept(&mut self, listener: &OwnedFd, token: Token) {
        let entry = opcode::AcceptMulti::new(types::Fd(listener.as_raw_fd()))
            .flags(libc::SOCK_CLOEXEC)
            .build()
            .user_data(token.user_data());
        // SAFETY: no memory is handed over.
        unsafe { self.push(&entry) }
    }

    /// Connects `fd`.
    ///
    /// # Safety
    /// `address` stays valid until the completion of `token`.
    pub unsafe fn connect(&mut self, fd: RawFd, address: *const libc::sockaddr, len: libc::socklen_t, token: Token) {
        let entry = opcode::Connect::new(types::Fd(fd), address, len).build().user_data(token.user_data());
        // SAFETY: the caller's promise.
        unsafe { self.push(&entry) }
    }

    /// Receives on `fd` into the buffers of group `group`, until cancelled, end of stream, or an error.
    #[inline]
    pub fn receive(&mut self, fd: RawFd, group: u16, token: Token) {
        let entry = opcode::RecvMulti::new(types::Fd(fd), group).build().user_data(token.user_data());
        // SAFETY: the kernel writes into the registered buffer group only, which stays until this has completed.
        unsafe { self.push(&entry) }
    }

    /// Receives on `fd` into one buffer of group `group`, once.
    pub fn receive_once(&mut self, fd: RawFd, group: u16, token: Token) {
        let entry = opcode::Recv::new(types::Fd(fd), std::ptr::null_mut(), 0)
            .buf_group(group)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT)
            .user_data(token.user_data());
        // SAFETY: the kernel writes into the registered buffer group only, which stays until this has completed.
        unsafe { self.push(&entry) }
    }

    /// Sends `bytes` without waiting for room, and completes only if that fell short.
    ///
    /// # Safety
    /// `bytes` stays valid until [`Uring::submitted_all`] after an enter: `MSG_DONTWAIT` keeps the kernel from holding the
    /// request, so it has copied what it could when the enter returns.
    #[inline]
    pub unsafe fn send_now(&mut self, fd: RawFd, bytes: *const u8, len: usize, token: Token) {
        let entry = opcode::Send::new(types::Fd(fd), bytes, len as u32)
            .flags(libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(token.user_data());
        // SAFETY: the caller's promise.
        unsafe { self.push(&entry) }
    }

    /// Sends all of `bytes`, waiting for room as long as it takes.
    ///
    /// # Safety
    /// `bytes` stays valid until the completion of `token`.
    pub unsafe fn send_all(&mut self, fd: RawFd, bytes: *const u8, len: usize, token: Token) {
        let entry = opcode::Send::new(types::Fd(fd), bytes, len as u32)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build()
            .user_data(token.user_data());
        // SAFETY: the caller's promise.
        unsafe { self.push(&entry) }
    }

    /// Asks the operation `token` to end early. It still completes, once. If it could not be asked, `report` completes with the reason.
    pub fn cancel(&mut self, token: Token, report: Token) {
        let entry = opcode::AsyncCancel::new(token.user_data()).build().user_data(report.user_data());
        // SAFETY: no memory is handed over.
        unsafe { self.push(&entry.flags(squeue::Flags::SKIP_SUCCESS)) }
    }

    /// Closes a descriptor that nothing else in this process uses any more.
    pub fn close(&mut self, fd: RawFd) {
        let entry = opcode::Close::new(types::Fd(fd)).build().user_data(Token::core(Op::Ignored).user_data());
        // SAFETY: no memory is handed over.
        unsafe { self.push(&entry.flags(squeue::Flags::SKIP_SUCCESS)) }
    }

    /// Completes `token` after `span`.
    pub fn timer(&mut self, span: Duration, token: Token) {
        self.timespecs.push(Box::new(types::Timespec::from(span)));
        // Taken from the box where it stays: moving a box may end the life of pointers into it.
        let timespec = self.timespecs.last().map_or(std::ptr::null(), |kept| &raw const **kept);
        let entry = opcode::Timeout::new(timespec).build().user_data(token.user_data());
        // SAFETY: the kernel copies the timespec when it takes the submission; `timespecs` keeps it until then.
        unsafe { self.push(&entry) }
    }

    /// Takes back a timer. It still completes, once.
    pub fn remove_timer(&mut self, token: Token) {
        let entry =
            opcode::TimeoutRemove::new(token.user_data()).build().user_data(Token::core(Op::Ignored).user_data());
        // SAFETY: no memory is handed over.
        unsafe { self.push(&entry.flags(squeue::Flags::SKIP_SUCCESS)) }
    }

    /// Completes `token` whenever `fd` becomes readable, until it says otherwise.
    pub fn watch(&mut self, fd: RawFd, token: Token) {
        let entry =
            opcode::PollAdd::new(types::Fd(fd), libc::POLLIN as u32).multi(true).build().user_data(token.user_data());
        // SAFETY: no memory is handed over.
        unsafe { self.push(&entry) }
    }

    /// Completes `token` when the peer of `fd` has closed its sending side, or the connection is lost.
    pub fn watch_for_end(&mut self, fd: RawFd, token: Token) {
        let entry = opcode::PollAdd::new(types::Fd(fd), libc::POLLRDHUP as u32).build().user_data(token.user_data());
        // SAFETY: no memory is handed over.
        unsafe { self.push(&entry) }
    }

    /// Tells `eventfd` about completions from now on, while [`Uring::notify`] allows it.
    pub fn register_eventfd(&mut self, eventfd: &OwnedFd) -> io::Result<()> {
        self.io.submitter().register_eventfd(eventfd.as_raw_fd())?;
        self.notify(false);
        Ok(())
    }

    /// Switches the eventfd on or off. Off while the core is busy, or every batch would pay for a signal nobody needs.
    pub fn notify(&mut self, on: bool) {
        let completions = self.io.completion();
        if on { completions.enable_eventfd() } else { completions.disable_eventfd() }
    }

    /// Registers `entries` buffer descriptors at `address` as group `group`.
    ///
    /// # Safety
    /// The descriptors, and the buffers they will name, stay until every receive of this ring has completed; nobody asks it for one
    /// afterwards.
    pub unsafe fn register_buffers(&mut self, address: u64, entries: u16, group: u16) -> io::Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.io.submitter().register_buf_ring_with_flags(address, entries, group, 0) }
    }

    /// # Safety
    /// Memory that `entry` names stays valid as long as the kernel may use it.
    #[inline]
    unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the caller's promise.
        while unsafe { self.io.submission().push(entry) }.is_err() {
            // The queue is full: hand it over now. Completions stay where they are.
            if self.io.submit().is_err() {
                std::thread::yield_now();
            }
        }
    }
}

impl Drop for Uring {
    /// A registration holds the ring like a descriptor does: only without it does closing the descriptor end the ring.
    fn drop(&mut self) {
        if let Some(offset) = self.registered {
            let mut update = RingUpdate { offset, reserved: 0, data: 0 };
            update.apply(self.io.as_raw_fd(), UNREGISTER_RING_FDS);
        }
    }
}

/// `struct io_uring_rsrc_update`.
#[repr(C)]
struct RingUpdate {
    offset: u32,
    reserved: u32,
    data: u64,
}

impl RingUpdate {
    fn apply(&mut self, ring: RawFd, operation: u32) -> bool {
        // SAFETY: the structure is the one that both operations take, and it outlives the call.
        unsafe { libc::syscall(libc::SYS_io_uring_register, ring, operation, &raw mut *self, 1) == 1 }
    }
}

/// Registers the ring with the calling thread; where that fails, the descriptor does as well.
fn register_ring(fd: RawFd) -> Option<u32> {
    let mut update = RingUpdate { offset: u32::MAX, reserved: 0, data: fd as u64 };
    update.apply(fd, REGISTER_RING_FDS).then_some(update.offset)
}

const REGISTER_RING_FDS: u32 = 20;
const UNREGISTER_RING_FDS: u32 = 21;
