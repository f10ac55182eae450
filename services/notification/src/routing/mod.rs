//! From the consumed topics to the hub, and from there to `realtime-updates`.

mod consumer;
mod entering;
mod mirror;
mod order;
mod router;

pub(crate) use consumer::run as consume;
pub(crate) use mirror::start as start_mirror;
pub(crate) use router::Router;
