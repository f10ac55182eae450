//! The processor on a real Kafka: whatever dies, joins, leaves or is taken for dead, what is
//! committed is what the log determines.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod child;
mod counting;
mod deaths;
mod following;
mod rebalances;
mod running;
mod stage;
mod stores;
mod zombies;

/// Not a test: what [`child::ChildMember`] starts.
#[tokio::test]
#[ignore = "a member of a group, started as a process by the tests"]
async fn a_member_in_a_process_of_its_own() {
    child::run().await;
}
