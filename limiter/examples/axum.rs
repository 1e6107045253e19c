//! An axum service behind a middleware that answers 429 with `Retry-After` to whoever asks too often.
//!
//! ```text
//! cargo run -p tollgate-limiter --example axum -- 127.0.0.1:3000
//! curl -i -H 'x-api-key: alice' http://127.0.0.1:3000/
//! ```

mod clock;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header::RETRY_AFTER};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use clock::Clock;
use tollgate_limiter::{Decision, Limiter, Settings};

#[derive(Clone)]
struct Gate {
    limiter: Arc<Limiter>,
    clock: Clock,
}

async fn limit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Some(client) = request.headers().get("x-api-key") else {
        return (StatusCode::BAD_REQUEST, "send your key as x-api-key\n").into_response();
    };
    match gate.limiter.decide(gate.limiter.key(client.as_bytes()), gate.clock.now()) {
        Decision::Allow { .. } => next.run(request).await,
        Decision::Deny { retry_after, .. } => {
            let seconds = retry_after.as_secs_ceil().to_string();
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)], "too many requests\n").into_response()
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The seed is a secret: whoever knows it can pick keys that share a slot with somebody else's.
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "tollgate");
    let settings = Settings { quotas: vec!["5/5s".parse()?], seed, ..Settings::default() };
    let gate = Gate { limiter: Arc::new(Limiter::new(&settings)?), clock: Clock::start() };

    let app = Router::new().route("/", get(async || "hello\n")).layer(from_fn_with_state(gate, limit));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
