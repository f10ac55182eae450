//! What a connection may do and what it is told, without any network.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::{Auth, Role};
use uuid::Uuid;

use super::codes::{Disconnect, ErrorReply};
use super::protocol::{
    ChannelRequest, ClientInfo, Command, ConnectRequest, ConnectResult, Empty, Encoding, Frame,
    HistoryRequest, HistoryResult, Outcome, PresenceResult, PresenceStatsResult, PushHead,
    RefreshResult, Request, SubscribeRequest, SubscribeResult,
};
use super::token::{Refused, check, ttl};
use super::user_channel;
use super::views::{self, Views, Wanted};
use crate::channels::Channels;
use crate::hub::{HistoryQuery, JoinError, Membership, Outbox, Position, Publication, Snapshot};
use crate::owners::SessionOwners;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Most publications of one answer to a history command.
const MAX_HISTORY: usize = 300;

/// One client's conversation.
pub(super) struct Session {
    channels: Channels,
    auth: Auth,
    /// Without it there are no channels of sessions.
    owners: Option<SessionOwners>,
    outbox: Arc<Outbox>,
    client: String,
    /// Where the client sends its commands, if not over the connection itself.
    emulation: Option<Emulation>,
    /// Between the server's pings.
    ping: Duration,
    encoding: Encoding,
    connected: Option<Connected>,
}

struct Emulation {
    session: String,
    node: String,
}

struct Connected {
    user_id: String,
    expires_at: DateTime<Utc>,
    membership: Membership,
    push_head: PushHead,
    views: Views,
}

type Answer = Result<Outcome, Disconnect>;

impl Session {
    pub(super) fn new(channels: Channels, auth: Auth, ping: Duration, encoding: Encoding) -> Self {
        let outbox = channels.outbox();
        Self {
            channels,
            auth,
            owners: None,
            outbox,
            client: Uuid::new_v4().to_string(),
            emulation: None,
            ping,
            encoding,
            connected: None,
        }
    }

    /// The same, with channels of the sessions whose owners are told.
    pub(super) fn with_owners(mut self, owners: Option<SessionOwners>) -> Self {
        self.owners = owners;
        self
    }

    /// The same, for a client that sends its commands to a process by its name, for a connection
    /// by its name.
    pub(super) fn emulated(mut self, session: &str, node: &str) -> Self {
        self.emulation = Some(Emulation {
            session: session.to_owned(),
            node: node.to_owned(),
        });
        self
    }

    /// How its frames are written.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// When the token ends; `None` before the connect command.
    pub(super) fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.connected
            .as_ref()
            .map(|connected| connected.expires_at)
    }

    /// Adds pushes to a frame.
    pub(super) fn write_pushes(&self, out: &mut Frame, publications: &[Publication]) {
        if let Some(connected) = &self.connected {
            for publication in publications {
                out.add_push(&connected.push_head, publication);
                connected.views.write(out, publication);
            }
        }
    }

    /// Leaves the channel, and tells the other replicas.
    pub(super) async fn leave(&mut self) {
        if let Some(connected) = self.connected.take() {
            let channel = connected.membership.channel().to_owned();
            drop(connected);
            self.channels.leave(&channel, &self.client).await;
        }
    }

    /// Handles a command of a frame; what is to be written is added to `out`.
    pub(super) async fn handle(
        &mut self,
        command: Command,
        out: &mut Frame,
    ) -> Result<(), Disconnect> {
        let (id, request) = match command {
            Command::Request(id, request) => (id, request),
            // Both make sense only on an open connection.
            Command::Pong | Command::Send => {
                let connected = self.connected.as_ref();
                return connected.map(|_| ()).ok_or(Disconnect::BAD_REQUEST);
            }
        };
        let outcome = match (request, &mut self.connected) {
            (Request::Connect(request), None) => self.connect(&request).await?,
            // Everything comes after the one connect command.
            (Request::Connect(_), Some(_)) | (_, None) => return Err(Disconnect::BAD_REQUEST),
            (Request::Subscribe(request), Some(connected)) => {
                match connected
                    .may_subscribe(&request, self.owners.as_ref())
                    .await
                {
                    Err(error) => Outcome::Error(error),
                    Ok(wanted) => {
                        let subscribed = connected.subscribe(&request, wanted, &self.outbox)?;
                        let (pending, outcome) = subscribed;
                        // What was queued before the reply belongs before it, and isn't told to
                        // the new subscription, which begins with the reply.
                        self.write_pushes(out, &pending);
                        self.add_view(wanted, &outcome);
                        outcome
                    }
                }
            }
            (Request::Unsubscribe(request), Some(connected)) => connected.unsubscribe(&request),
            (Request::Presence(request), Some(connected)) => {
                connected.presence(&request, &self.channels).await
            }
            (Request::PresenceStats(request), Some(connected)) => {
                connected.presence_stats(&request, &self.channels).await
            }
            (Request::History(request), Some(connected)) => connected.history(&request),
            (Request::Refresh(request), Some(connected)) => {
                let refreshing = connected.refresh(&self.auth, &self.client, &request.token);
                refreshing.await?
            }
            (Request::Ping, Some(_)) => Outcome::Ping(Empty {}),
            (Request::NotOffered, Some(_)) => Outcome::Error(ErrorReply::NOT_AVAILABLE),
            (Request::Unknown, Some(_)) => Outcome::Error(ErrorReply::METHOD_NOT_FOUND),
        };
        out.add_reply(id, &outcome)
    }

    fn add_view(&mut self, wanted: Wanted, outcome: &Outcome) {
        if let (Wanted::Session(id), Outcome::Subscribe(_)) = (wanted, outcome)
            && let Some(connected) = &mut self.connected
        {
            connected.views.add(id, self.encoding);
        }
    }

    async fn connect(&mut self, request: &ConnectRequest) -> Answer {
        let identity = match check(&self.auth, &request.token).await {
            Ok(identity) => identity,
            Err(Refused::Unknown) => return Ok(Outcome::Error(ErrorReply::INTERNAL)),
            Err(Refused::Expired) => return Ok(Outcome::Error(ErrorReply::TOKEN_EXPIRED)),
            Err(Refused::Invalid) => return Err(Disconnect::INVALID_TOKEN),
        };
        if identity.role == Role::Service {
            // A service's name could be a user's id: it has no channel.
            return Ok(Outcome::Error(ErrorReply::PERMISSION_DENIED));
        }
        let channel = user_channel(&identity.user_id);
        let since = request.subs.get(&channel).and_then(SubscribeRequest::since);
        let joining = self
            .channels
            .join(&channel, &self.client, &self.outbox, since.as_ref());
        let (membership, snapshot) = match joining.await {
            Ok(joined) => joined,
            Err(JoinError::TooManyConnections) => return Err(Disconnect::CONNECTION_LIMIT),
            Err(JoinError::NotFollowed) => return Ok(Outcome::Error(ErrorReply::INTERNAL)),
        };
        let result = ConnectResult {
            client: self.client.clone(),
            version: VERSION,
            expires: true,
            ttl: ttl(identity.expires_at),
            ping: u32::try_from(self.ping.as_secs()).unwrap_or(u32::MAX),
            pong: true,
            session: self.emulation.as_ref().map(|e| e.session.clone()),
            node: self.emulation.as_ref().map(|e| e.node.clone()),
            subs: BTreeMap::from([(channel.clone(), subscribed(snapshot, since))]),
        };
        self.connected = Some(Connected {
            user_id: identity.user_id,
            expires_at: identity.expires_at,
            membership,
            push_head: self.encoding.push_head(&channel),
            views: Views::default(),
        });
        Ok(Outcome::Connect(result))
    }
}

impl Connected {
    /// What a channel is to the user.
    fn wanted(&self, channel: &str) -> Result<Wanted, ErrorReply> {
        if channel == self.membership.channel() {
            return Ok(Wanted::Own);
        }
        match channel.strip_prefix("user:") {
            Some(id) if !id.is_empty() => Err(ErrorReply::PERMISSION_DENIED),
            _ => views::session_in(channel)
                .map(Wanted::Session)
                .ok_or(ErrorReply::UNKNOWN_CHANNEL),
        }
    }

    /// What the user subscribes to, if it is theirs.
    async fn may_subscribe(
        &self,
        request: &SubscribeRequest,
        owners: Option<&SessionOwners>,
    ) -> Result<Wanted, ErrorReply> {
        let wanted = self.wanted(&request.channel)?;
        let Wanted::Session(id) = wanted else {
            return Ok(wanted);
        };
        let owners = owners.ok_or(ErrorReply::UNKNOWN_CHANNEL)?;
        if self.views.contains(id) {
            return Err(ErrorReply::ALREADY_SUBSCRIBED);
        }
        if self.views.is_full() {
            return Err(ErrorReply::LIMIT_EXCEEDED);
        }
        match owners.owns(&self.user_id, id).await {
            Ok(true) => Ok(wanted),
            // Another user's, or nobody's: who asks can't tell.
            Ok(false) => Err(ErrorReply::PERMISSION_DENIED),
            Err(_away) => Err(ErrorReply::INTERNAL),
        }
    }

    /// The connection receives the channel already, because the server subscribed it. A client that
    /// subscribes by itself, too, is told where it stands, as if it were new: the official ones
    /// then hand publications to that subscription. A session's channel is a part of it.
    fn subscribe(
        &self,
        request: &SubscribeRequest,
        wanted: Wanted,
        outbox: &Outbox,
    ) -> Result<(Vec<Publication>, Outcome), Disconnect> {
        let since = request.since();
        let snapshot = self.membership.snapshot(outbox, since.as_ref());
        let mut snapshot = snapshot.ok_or(Disconnect::INSUFFICIENT_STATE)?;
        let pending = std::mem::take(&mut snapshot.pending);
        if since.is_some() && snapshot.missed.is_none() && request.rejects_unrecovered() {
            let error = Outcome::Error(ErrorReply::UNRECOVERABLE_POSITION);
            return Ok((pending, error));
        }
        let mut result = subscribed(snapshot, since);
        if let Wanted::Session(id) = wanted {
            result.publications = views::about(id, result.publications);
        }
        Ok((pending, Outcome::Subscribe(result)))
    }

    /// Ends the client's own subscription; the server's lasts as long as the connection.
    fn unsubscribe(&mut self, request: &ChannelRequest) -> Outcome {
        match self.wanted(&request.channel) {
            Ok(Wanted::Own) => Outcome::Unsubscribe(Empty {}),
            Ok(Wanted::Session(id)) => {
                self.views.remove(id);
                Outcome::Unsubscribe(Empty {})
            }
            Err(error) => Outcome::Error(error),
        }
    }

    async fn presence(&self, request: &ChannelRequest, channels: &Channels) -> Outcome {
        let clients = match self.clients(request, channels).await {
            Ok(clients) => clients,
            Err(error) => return Outcome::Error(error),
        };
        let info = |client: String| {
            let user = self.user_id.clone();
            (client.clone(), ClientInfo { client, user })
        };
        let presence = clients.into_iter().map(info).collect();
        Outcome::Presence(PresenceResult { presence })
    }

    async fn presence_stats(&self, request: &ChannelRequest, channels: &Channels) -> Outcome {
        match self.clients(request, channels).await {
            Ok(clients) => Outcome::PresenceStats(PresenceStatsResult {
                num_clients: u32::try_from(clients.len()).unwrap_or(u32::MAX),
                num_users: 1,
            }),
            Err(error) => Outcome::Error(error),
        }
    }

    async fn clients(
        &self,
        request: &ChannelRequest,
        channels: &Channels,
    ) -> Result<Vec<String>, ErrorReply> {
        if self.wanted(&request.channel)? != Wanted::Own {
            return Err(ErrorReply::NOT_AVAILABLE);
        }
        let clients = channels.clients(&self.membership).await;
        clients.map_err(|_away| ErrorReply::INTERNAL)
    }

    fn history(&self, request: &HistoryRequest) -> Outcome {
        let session = match self.wanted(&request.channel) {
            Ok(Wanted::Own) => None,
            // Whose it is was told when it was subscribed to.
            Ok(Wanted::Session(id)) if self.views.contains(id) => Some(id),
            Ok(Wanted::Session(_)) => return Outcome::Error(ErrorReply::PERMISSION_DENIED),
            Err(error) => return Outcome::Error(error),
        };
        let limit = match request.limit {
            -1 => MAX_HISTORY,
            limit => match usize::try_from(limit) {
                Ok(limit) => limit.min(MAX_HISTORY),
                Err(_) => return Outcome::Error(ErrorReply::BAD_REQUEST),
            },
        };
        let query = HistoryQuery {
            since: request.since.as_ref().map(|since| Position {
                epoch: since.epoch.clone(),
                offset: since.offset,
            }),
            // Of a session's channel, it isn't known yet how many are about it.
            limit: session.map_or(limit, |_| usize::MAX),
            reverse: request.reverse,
        };
        let Some((position, found)) = self.membership.history(&query) else {
            return Outcome::Error(ErrorReply::UNRECOVERABLE_POSITION);
        };
        let mut publications = match session {
            Some(id) => views::about(id, found),
            None => found,
        };
        publications.truncate(limit);
        Outcome::History(HistoryResult {
            publications,
            epoch: position.epoch,
            offset: position.offset,
        })
    }

    async fn refresh(&mut self, auth: &Auth, client: &str, token: &str) -> Answer {
        let identity = match check(auth, token).await {
            Ok(identity) => identity,
            // The client asks again; the token before is good for a while.
            Err(Refused::Unknown) => return Ok(Outcome::Error(ErrorReply::INTERNAL)),
            // The client connects again and is then told that it needs another token.
            Err(Refused::Expired) => return Err(Disconnect::EXPIRED),
            Err(Refused::Invalid) => return Err(Disconnect::INVALID_TOKEN),
        };
        if identity.user_id != self.user_id || identity.role == Role::Service {
            return Err(Disconnect::INVALID_TOKEN);
        }
        self.expires_at = identity.expires_at;
        Ok(Outcome::Refresh(RefreshResult {
            client: client.to_owned(),
            version: VERSION,
            expires: true,
            ttl: ttl(identity.expires_at),
        }))
    }
}

fn subscribed(snapshot: Snapshot, since: Option<Position>) -> SubscribeResult {
    let was_recovering = since.is_some();
    let recovered = snapshot.missed.is_some();
    let position = match since {
        Some(since) if recovered => since,
        _ => snapshot.position,
    };
    SubscribeResult {
        recoverable: true,
        positioned: true,
        epoch: position.epoch,
        offset: position.offset,
        was_recovering,
        recovered,
        publications: snapshot.missed.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
