//! The protocol in protobuf: each command and reply behind its length.
//!
//! Data stays what it is, the text of a record's JSON, as bytes.

mod message;

use prost::encoding::{encode_varint, encoded_len_varint};
use prost::{DecodeError, EncodeError, Message};

use super::super::codes::Disconnect;
use super::command::{Command, Envelope};
use super::reply::Outcome;
use crate::hub::Publication;
use message::{EmulationRequest, Push, Reason, Reply};

/// The server's ping is an empty reply; so is a client's answer, an empty command.
pub(super) const PING: u8 = 0;

// Keys of the fields that a push is made of: their numbers, and the kind of what follows.
const REPLY_PUSH: u8 = 4 << 3 | LENGTH_DELIMITED;
const PUSH_CHANNEL: u8 = 2 << 3 | LENGTH_DELIMITED;
const PUSH_PUB: u8 = 4 << 3 | LENGTH_DELIMITED;
const PUB_DATA: u8 = 4 << 3 | LENGTH_DELIMITED;
const PUB_OFFSET: u8 = 6 << 3 | VARINT;
const LENGTH_DELIMITED: u8 = 2;
const VARINT: u8 = 0;

/// Reads a command off the front of a frame.
pub(super) fn parse(frame: &mut &[u8]) -> Result<Command, Disconnect> {
    let envelope = Envelope::decode_length_delimited(frame).map_err(|error| {
        tracing::debug!(%error, "not a command");
        Disconnect::BAD_REQUEST
    })?;
    envelope.open()
}

/// Adds a reply to a frame.
pub(super) fn write(out: &mut Vec<u8>, id: u32, outcome: &Outcome) -> Result<(), EncodeError> {
    Reply::new(id, outcome).encode_length_delimited(out)
}

/// Adds a push to a frame; the data is copied once, into the frame.
pub(super) fn write_push(out: &mut Vec<u8>, channel: &str, publication: &Publication) {
    let (data, offset) = (publication.data.get(), publication.offset);
    let publication = field_len(data.len()) + 1 + encoded_len_varint(offset);
    let push = field_len(channel.len()) + field_len(publication);
    encode_varint(field_len(push) as u64, out);
    begin(out, REPLY_PUSH, push);
    begin(out, PUSH_CHANNEL, channel.len());
    out.extend_from_slice(channel.as_bytes());
    begin(out, PUSH_PUB, publication);
    begin(out, PUB_DATA, data.len());
    out.extend_from_slice(data.as_bytes());
    out.push(PUB_OFFSET);
    encode_varint(offset, out);
}

/// Why the server ends a connection that has no close frames.
pub(super) fn disconnect(disconnect: Disconnect) -> Vec<u8> {
    let push = Push {
        disconnect: Some(Reason {
            code: disconnect.code.into(),
            reason: disconnect.reason.to_owned(),
        }),
        ..Push::default()
    };
    let reply = Reply {
        push: Some(push),
        ..Reply::default()
    };
    reply.encode_length_delimited_to_vec()
}

/// Commands that come with a request of their own; session, node and what is sent.
pub(in super::super) fn read_emulated(
    body: &[u8],
) -> Result<(String, String, Vec<u8>), DecodeError> {
    let request = EmulationRequest::decode(body)?;
    Ok((request.session, request.node, request.data))
}

/// Bytes of a field of so many bytes, with its key and its length.
fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn begin(out: &mut Vec<u8>, key: u8, len: usize) {
    out.push(key);
    encode_varint(len as u64, out);
}

#[cfg(test)]
mod tests;
