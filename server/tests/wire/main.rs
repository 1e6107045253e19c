//! The gate from outside: the real binary, real sockets, both engines, every promise that a client can check.
//!
//! | file | about |
//! |---|---|
//! | `answers` | what is answered: statuses, fields, who counts as one client |
//! | `counts` | how many requests were answered how: the gate's count and our load client's |
//! | `decide` | decisions for proxies and programs |
//! | `decide_proxies` | nginx, HAProxy and Caddy ask for decisions, with the files of `examples/` |
//! | `limits` | who is let through: stacked quotas, algorithms, lists, bans, full tables, several cores |
//! | `listeners` | several addresses in one process: what they have in common |
//! | `protocol`, `protocol_cases` | HTTP/1.x by tables of raw bytes |
//! | `pipelining` | many requests in flight, in all splits, and peers that half-close |
//! | `hostile` | peers that are slow, rude, many or gone |
//! | `proxied` | the PROXY protocol |
//! | `policies` | several policies, all of which must allow |
//! | `rotation` | ids that clients make up, and how many of them an address may use |
//! | `idle` | cores that had nothing to do and went to sleep |
//! | `overload` | more work than a core can do, and how it is shared |
//! | `exhaustion` | descriptors, memory, connections: what happens when they run out |
//! | `drain` | signals: nothing that was read goes unanswered |
//! | `start_up` | why it does not start, in one line |
//!
//! What can go wrong, and where it is seen not to:
//!
//! | fault | test |
//! |---|---|
//! | killed under load (`kill -9`) | `drain::killed_under_load_it_starts_again_on_the_same_port_at_once` |
//! | told to stop under load | `drain::under_load_every_request_that_was_sent_is_answered_or_never_read`, fifty times |
//! | told to stop with connections in the accept queue | `drain::connections_in_the_accept_queue_are_served` |
//! | told to stop while peers do not finish | `drain::the_drain_timeout_ends_the_wait_for_those_who_do_not_finish`, `drain::a_second_signal_stops_at_once` |
//! | out of descriptors | `exhaustion::out_of_descriptors_it_waits_without_spinning_and_recovers_by_itself` |
//! | too many connections | `exhaustion::beyond_the_connection_cap_newcomers_wait_their_turn` |
//! | a flood of made-up ids | `exhaustion::a_flood_of_new_ids_takes_no_memory_and_frees_nobody` |
//! | a new id in every request | `rotation::whoever_rotates_gets_so_many_ids_and_others_are_served` |
//! | a flood of requests on hundreds of connections | `overload::a_flood_on_hundreds_of_connections_leaves_everybody_a_share` |
//! | a core can't keep up | `overload::a_core_that_cannot_keep_up_sheds_the_less_important_and_recovers`; with a flood of the denied, in the crate: `overload::loop_simulation` |
//! | the wall clock is stepped | nothing to see: only `Date` reads it, and `clippy.toml` keeps it so |
//! | the process is stopped and continued | `hostile::a_process_that_was_stopped_for_a_while_goes_on_within_its_limits` |
//! | a core sleeps while another one has something for it | `idle::a_core_that_sleeps_wakes_for_the_connections_that_another_hands_over` |
//! | peers that read slowly, or never | `exhaustion::a_peer_that_reads_slowly_gets_every_answer`, `exhaustion::peers_that_never_read_are_bounded_in_memory_and_closed_while_others_are_served` |
//! | slow heads, bodies, silence | `hostile::slowloris_is_shown_the_door_while_others_are_served`, `hostile::content_that_does_not_come_gets_408_or_the_end_if_it_was_answered`, `hostile::idle_connections_are_closed_without_a_word_and_busy_ones_are_not` |
//! | peers that vanish without FIN or RST | `hostile::peers_that_vanish_cost_no_descriptor_for_longer_than_their_deadline` (with a network namespace) |
//! | RST and FIN at any byte | `hostile::resets_at_any_byte_leave_nothing_behind`, `pipelining::requests_cut_short_by_a_half_close_get_400_and_the_end` |
//! | a core panics at start, or spins | in the crate: `connection::tests`, `watch::tests`; a core that dies while it serves is not provoked from outside |
//! | no io_uring, little memory to lock, few descriptors | `start_up::io_uring_that_is_blocked_by_seccomp`, `start_up::too_little_memory_that_may_be_locked`, `start_up::too_few_descriptors` |
//! | the port is taken, the flags are wrong | `start_up::a_port_that_a_second_tollgate_listens_on`, `tests/command_line.rs` |
//! | thousands of connections at once | `hostile::two_thousand_connections_at_once_are_all_served` |
//!
//! No test sleeps for a time that it hopes to be long enough: each waits for what must happen, with one deadline for all.

mod answers;
mod counts;
mod decide;
mod decide_proxies;
mod drain;
mod exhaustion;
mod hostile;
mod idle;
mod limits;
mod listeners;
mod overload;
mod pipelining;
mod policies;
mod protocol;
mod protocol_cases;
mod proxied;
mod rotation;
mod start_up;
mod support;
