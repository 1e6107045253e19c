//! Decisions for others: a proxy in front of an application asks here whether a request may pass, and turns away what may not.
//!
//! ```text
//!   end client ──▶ nginx, Envoy, Traefik, Caddy, HAProxy ──▶ application
//!                        │  ▲
//!           /check/nginx │  │ 200: pass, anything else: turn it away
//!                        ▼  │
//!                      tollgate
//! ```
//!
//! No status that says *no* is understood by all of them, so each has a path of its own: see [`Profile`]. Who a client is, is said once, by
//! `client-id`, and holds here as it does for `/`: a header field or a cookie is looked for in what the proxy passed on, a query parameter in
//! the URI that the end client asked for. The counters are those of `/` too.
//!
//! Programs that have many questions ask them together: [`batch`].
//!
//! Rejected alternative: an `X-Client-Id` that wins over everything. Caddy and Traefik pass on every field of the end client, so whoever sent that
//! field itself would be whoever it liked.

pub mod batch;
mod profile;
mod terms;

pub use batch::Batch;
pub use profile::{Profile, UriLost};
pub use terms::{Terms, TermsError};

/// What a path asks for, apart from `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// One decision.
    Check(Profile),
    /// Many decisions.
    Batch,
}

impl Route {
    /// The route of `path`, if it has one. What follows a proxy's path is the proxy's affair: Envoy appends the path that was asked for.
    pub fn of(path: &[u8]) -> Option<Route> {
        match path {
            b"/check" => Some(Route::Check(Profile::Native)),
            b"/v1/decide" => Some(Route::Batch),
            _ => {
                let name = path.strip_prefix(b"/check/")?.split(|&byte| byte == b'/').next()?;
                Profile::PROXIES.into_iter().find(|profile| profile.name().as_bytes() == name).map(Route::Check)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_where_its_first_two_segments_say() {
        let cases = [
            ("/check", Some(Profile::Native)),
            ("/check/nginx", Some(Profile::Nginx)),
            ("/check/envoy/shop/cart", Some(Profile::Envoy)),
            ("/check/forward/", Some(Profile::Forward)),
            ("/check/haproxy", Some(Profile::Haproxy)),
            ("/check/", None),
            ("/check/nginxx", None),
            ("/check/native", None),
            ("/checks", None),
            ("/Check/nginx", None),
            ("/", None),
        ];
        for (path, profile) in cases {
            assert_eq!(Route::of(path.as_bytes()), profile.map(Route::Check), "{path}");
        }
    }
}
