//! The gate in front of a service: the real binary, real upstreams, both engines.
//!
//! | file | about |
//! |---|---|
//! | `forwarding` | what the upstream sees, and what the client gets |
//! | `framing` | content in every framing, both ways, and answers without any |
//! | `smuggling` | requests and answers whose end is a matter of opinion |
//! | `ledger` | the upstream's bytes against what clients got answers for |
//! | `failures` | upstreams that refuse, die, stall or lie |
//! | `breaker` | servers that are sick: called no more, and nobody waits for them |
//! | `outcomes` | what says that a server is sick, and what doesn't |
//! | `recovery` | servers that are back: how that is found out, and how they get their load |
//! | `liars` | an upstream that misbehaves in every way in turn |
//! | `retries` | what is asked for twice, and the upstream's own words |
//! | `clients` | clients that leave, and clients that stop |
//! | `pipelining` | many requests of one connection at once |
//! | `pressure` | caps, queues, slow readers |
//! | `overload` | who goes first, and who is shed, when not all can be served |
//! | `fairness` | slow clients and floods, and everybody else's share |
//! | `large` | content larger than any memory |
//! | `crowd` | ten thousand clients |
//! | `soak` | tens of thousands of requests of every shape, every answer checked |
//! | `listeners` | several addresses and upstreams in one process, and the PROXY protocol in front of one |
//! | `servers` | several servers, restarts, drains |
//! | `nginx` | the same in front of nginx |
//!
//! What can go wrong, and where it is seen what comes of it:
//!
//! | event | test |
//! |---|---|
//! | the client is over its quota | `forwarding::an_allowed_request_is_answered_by_the_upstream_and_a_denied_one_never_reaches_it` |
//! | the client is banned | `forwarding::who_is_banned_is_kept_from_the_upstream_and_others_are_not` |
//! | all slots are in use, and the queue is full | `pressure::beyond_the_cap_requests_wait_their_turn_and_beyond_the_queue_they_are_shed` |
//! | more comes than can be served | `overload::the_important_are_served_first_and_take_the_places_of_others_in_a_full_queue`, `overload::under_a_load_that_is_too_high_the_important_are_served_more_often_than_not`, `overload::a_client_over_its_quota_is_denied_and_not_shed_however_full_it_is` |
//! | no breaker permits a call | `breaker::a_server_that_fails_is_called_no_more_and_who_asks_hears_when_to_come_back`, `breaker::nobody_waits_in_line_for_a_server_that_was_given_up`, `breaker::nobody_waits_out_his_time_on_another_core_either` |
//! | half-open, and its permits are used up, or never come back | `recovery::half_open_lets_as_many_through_as_it_may_and_closes_when_they_did_well`, `recovery::half_open_ends_also_when_nobody_answers_the_door`, `recovery::clients_that_leave_do_not_keep_a_breaker_half_open` |
//! | too long in the queue | `pressure::who_waits_too_long_is_shed_and_the_place_is_free_again` |
//! | the upstream refuses | `failures::an_upstream_that_refuses_is_502_and_the_client_may_go_on`, `servers::servers_take_turns_and_one_that_refuses_is_passed_over` |
//! | it does not take the connection | `failures::connecting_takes_no_longer_than_it_may` |
//! | it closes or resets before any byte | `failures::a_connection_lost_before_an_answer_is_tried_once_more_if_that_does_no_harm`, `failures::a_kept_connection_that_closes_as_the_request_comes_is_replaced` |
//! | it does so to everybody | `retries::when_everything_fails_at_once_only_a_few_are_tried_again` |
//! | it restarts | `servers::an_upstream_that_restarts_is_used_again_at_once`, `recovery::nginx_killed_and_started_again_under_load_is_served_again`, `recovery::a_server_that_is_back_gets_a_part_of_its_load_and_the_rest_waits` |
//! | the head of an answer comes too late, or never | `failures::a_head_that_does_not_come_is_504_however_slowly_it_does_not_come` |
//! | an answer stalls, or drags on | `failures::an_answer_that_stalls_or_drags_on_ends_in_the_middle` |
//! | it asks for patience itself: 429, 503 | `retries::an_upstream_that_asks_for_patience_is_passed_on_word_by_word_and_asked_once`, `outcomes::answers_that_say_no_are_no_failures`, `overload::an_upstream_that_refuses_gets_fewer_requests_at_a_time` |
//! | it dies in the middle of an answer | `failures::half_an_answer_is_never_passed_off_as_a_whole_one`, `failures::an_answer_that_ends_with_a_reset_instead_of_a_close_is_not_whole` |
//! | it says more than an answer, at once or later | `failures::bytes_after_an_answer_are_nobodys`, `liars::bytes_that_come_after_an_answer_when_the_connection_is_at_rest_are_nobodys_either` |
//! | all of these, ten thousand times | `liars::of_ten_thousand_answers_in_every_wrong_way_none_is_taken_for_another_and_none_for_more_than_it_is` |
//! | what comes is no answer | `smuggling::what_is_no_answer_is_502` |
//! | what comes is no request, or two | `smuggling::a_request_whose_end_is_ambiguous_is_rejected_before_the_upstream_hears_of_it`, `smuggling::content_that_is_malformed_never_becomes_a_whole_request`, `ledger::the_upstream_hears_exactly_the_requests_that_clients_got_answers_for_and_no_byte_else` |
//! | the client leaves, in flight or in the queue | `clients::a_client_that_leaves_takes_its_requests_along`, `clients::a_client_that_leaves_takes_all_its_pipelined_requests_along`, `clients::a_client_that_leaves_while_it_is_not_read_takes_its_requests_along` |
//! | FIN and RST at any byte, from either side | `clients::whoever_leaves_at_whatever_moment_leaves_no_slot_and_no_descriptor_behind`, `servers::connections_and_descriptors_come_back_whatever_happened` |
//! | the client stops | `clients::a_client_that_stops_in_the_middle_of_its_content_gets_408_and_the_upstream_its_peace`, `pressure::a_client_that_never_reads_is_closed_and_its_upstream_connection_with_it` |
//! | either side reads slowly, or not at all | `pressure::a_client_that_does_not_read_stops_the_upstream_and_hurts_nobody_else`, `pressure::an_upstream_that_does_not_read_stops_the_client_and_costs_no_memory` |
//! | one request takes long, and others wait behind it | `pipelining::pipelined_requests_are_upstream_together_and_answered_in_order`, `pipelining::a_slow_answer_holds_up_nobody_but_those_behind_it_on_its_own_connection` |
//! | many clients are slow, or one never pauses | `fairness::slow_clients_of_every_kind_are_served_in_the_end_and_hold_up_nobody_until_then`, `fairness::a_client_that_pipelines_without_a_pause_leaves_the_core_to_others_as_well` |
//! | content does not fit into memory | `large::content_of_any_size_passes_either_way_byte_by_byte_in_constant_memory` |
//! | ten thousand clients at once | `crowd::ten_thousand_clients_are_served_stay_and_are_served_again` |
//! | told to stop | `servers::a_drain_lets_what_is_upstream_be_answered_and_then_closes` |

#[allow(dead_code, reason = "shared with the tests of the plain gate, which need more of it")]
#[path = "../wire/support/mod.rs"]
mod support;

mod breaker;
mod clients;
mod crowd;
mod dice;
mod failures;
mod fairness;
mod forwarding;
mod framing;
mod got;
mod large;
mod ledger;
mod liars;
mod listeners;
mod nginx;
mod outcomes;
mod overload;
mod pipelining;
mod pressure;
mod recovery;
mod retries;
mod servers;
mod smuggling;
mod soak;
mod upstream;

use std::net::SocketAddr;

use got::get;
use support::peer::Peer;
use support::server::{Engine, Launch, Server};

/// A gate in front of the upstream at `address`.
fn gate(engine: Engine, address: SocketAddr) -> Server {
    gate_with(engine, address, "")
}

/// The same, with lines for its `[upstream.app]`, and then whatever tables follow.
fn gate_with(engine: Engine, address: SocketAddr, settings: &str) -> Server {
    let config = format!("limit = \"1M/1s,fixed-window\"\n[upstream.app]\nservers = [\"{address}\"]\n{settings}\n");
    Launch::new(engine).config(&config).start()
}

/// A request for client 7.
fn request(path: &str) -> String {
    format!("GET {path}?clientId=7 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
}

/// A client whose request waits for a slot of a gate with one core, or has been turned away already. What comes before it in the same segment is
/// answered by the gate itself, since it names no client; and in the turn in which a core answers that it takes in what came with it.
fn waiting(server: &Server, sent: &str) -> Peer {
    let mut peer = server.connect();
    peer.send(format!("GET /nobody HTTP/1.1\r\nHost: h\r\n\r\n{sent}"));
    assert_eq!(get(&mut peer).status, 400);
    peer
}

/// An answer with this body.
fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
