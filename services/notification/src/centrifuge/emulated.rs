//! What a client sends that has no connection in both directions.

use axum::http::StatusCode;
use service_kit::Problem;

use super::protocol::{self, Frame};

/// Commands, and the connection that they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmulatedFrame {
    /// From the answer to its connect command.
    pub session: String,
    /// From the same answer: the process that holds the connection.
    pub node: String,
    /// Commands, as in a frame of the WebSocket.
    pub frame: Frame,
}

impl EmulatedFrame {
    /// Reads the protocol's message in protobuf.
    ///
    /// # Errors
    /// 400 if it is none.
    pub fn decode(body: &[u8]) -> Result<Self, Problem> {
        let (session, node, data) = protocol::read_emulated(body).map_err(|error| {
            let status = StatusCode::BAD_REQUEST;
            Problem::new(status, "invalid_protobuf", error.to_string())
                .hint("send the protocol's EmulationRequest, or JSON as application/json")
        })?;
        Ok(Self {
            session,
            node,
            frame: Frame::Binary(data),
        })
    }
}
