//! Close codes and error codes, as Centrifuge's servers use them.
//!
//! A client reconnects by itself after 3000 to 3499, and doesn't after 3500 to 3999.

use serde::Serialize;

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect {
    /// The WebSocket's close code.
    pub code: u16,
    /// In words.
    pub reason: &'static str,
}

impl Disconnect {
    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }

    /// A frame is larger than allowed (WebSocket's own code; clients don't reconnect).
    pub const TOO_BIG: Self = Self::new(1009, "message too big");
    /// The server ends.
    pub const SHUTDOWN: Self = Self::new(3001, "shutdown");
    /// The server's fault.
    pub const SERVER_ERROR: Self = Self::new(3004, "internal server error");
    /// The token ended and no other one came.
    pub const EXPIRED: Self = Self::new(3005, "connection expired");
    /// The client reads more slowly than events come.
    pub const SLOW: Self = Self::new(3008, "slow");
    /// Nothing could be written for long.
    pub const WRITE_ERROR: Self = Self::new(3009, "write error");
    /// The server may have missed what the client should get: it recovers after it came back.
    pub const INSUFFICIENT_STATE: Self = Self::new(3010, "insufficient state");
    /// A ping was not answered.
    pub const NO_PONG: Self = Self::new(3012, "no pong");
    /// The token is not one of ours.
    pub const INVALID_TOKEN: Self = Self::new(3500, "invalid token");
    /// Not the protocol.
    pub const BAD_REQUEST: Self = Self::new(3501, "bad request");
    /// No connect command came in time.
    pub const STALE: Self = Self::new(3502, "stale");
    /// The user has too many connections.
    pub const CONNECTION_LIMIT: Self = Self::new(3504, "connection limit");
}

/// What is wrong with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ErrorReply {
    /// A stable number.
    pub code: u32,
    /// In words.
    pub message: &'static str,
    /// Whether trying again may help.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub temporary: bool,
}

impl ErrorReply {
    const fn new(code: u32, message: &'static str) -> Self {
        Self {
            code,
            message,
            temporary: false,
        }
    }

    /// The server's fault; trying again helps when it is over.
    pub const INTERNAL: Self = Self {
        code: 100,
        message: "internal server error",
        temporary: true,
    };
    /// There is no such channel.
    pub const UNKNOWN_CHANNEL: Self = Self::new(102, "unknown channel");
    /// Somebody else's.
    pub const PERMISSION_DENIED: Self = Self::new(103, "permission denied");
    /// No such command.
    pub const METHOD_NOT_FOUND: Self = Self::new(104, "method not found");
    /// The connection has that subscription.
    pub const ALREADY_SUBSCRIBED: Self = Self::new(105, "already subscribed");
    /// The connection has as many subscriptions as it may.
    pub const LIMIT_EXCEEDED: Self = Self::new(106, "limit exceeded");
    /// The command's content makes no sense.
    pub const BAD_REQUEST: Self = Self::new(107, "bad request");
    /// Not offered here: clients only listen.
    pub const NOT_AVAILABLE: Self = Self::new(108, "not available");
    /// The client shall get another token and try again.
    pub const TOKEN_EXPIRED: Self = Self::new(109, "token expired");
    /// What follows the position isn't known any more.
    pub const UNRECOVERABLE_POSITION: Self = Self::new(112, "unrecoverable position");
}
