//! Sessions start and stop, and commands take effect, each before the tick at its place in the log.

use kafka_common::messages::RecordKind;
use uuid::Uuid;

use super::groups::Group;
use super::{Out, PartitionEvaluation};

impl PartitionEvaluation {
    pub(super) fn find_next_change(&mut self) {
        let starts = self
            .sessions
            .values()
            .filter(|s| !s.started)
            .map(|s| s.start);
        let stops = self.sessions.values().filter_map(|s| s.stop);
        let commands = self.commands.front().and_then(|command| command.position);
        self.next_change = starts
            .chain(stops)
            .chain(commands)
            .min()
            .unwrap_or(i64::MAX);
    }

    /// Starts and stops the sessions whose time has come, before the tick at `position`.
    pub(super) fn change_sessions(&mut self, out: &mut Out) {
        let position = self.position[0];
        if self.next_change > position {
            return;
        }
        let mut stopped = Vec::new();
        let mut starting = Vec::new();
        for (id, session) in &mut self.sessions {
            if !session.started && session.start <= position {
                session.started = true;
                starting.push(*id);
            }
            if session.stop.is_some_and(|stop| stop <= position) {
                stopped.push(*id);
            }
        }
        for id in starting {
            self.begin(id, out);
        }
        while let Some(command) = self
            .commands
            .pop_front_if(|command| command.position.is_some_and(|at| at <= position))
        {
            self.tell_command(command, out);
        }
        for id in stopped {
            self.tell(id, RecordKind::Stop, out);
            if let Some(session) = self.sessions.remove(&id)
                && let Some(groups) = self.by_symbol.get_mut(&session.deployment.symbol)
            {
                groups.remove(id);
            }
        }
        self.find_next_change();
    }

    /// What evaluates a session.
    pub(super) fn group(&mut self, id: Uuid) -> Option<&mut Group> {
        let symbol = &self.sessions.get(&id)?.deployment.symbol;
        self.by_symbol.get_mut(symbol)?.of_mut(id)
    }

    /// Stops a session that panicked, or can't meet its past, after this record; a replay comes to
    /// the same.
    pub(super) fn stop_failed(&mut self, id: Uuid, offset: i64, reason: &str) {
        metrics::counter!("strategy_sessions_failed_total").increment(1);
        tracing::error!(session = %id, offset, reason, "the strategy failed, its session stops");
        let stop = self.deployments.fix_stop(id, offset + 1).unwrap_or_else(|error| {
            tracing::error!(session = %id, %error, "the stop can't be kept, and is decided again");
            offset + 1
        });
        if let Some(session) = self.sessions.get_mut(&id) {
            session.failed = true;
            session.stop = Some(stop);
        }
        if let Some(group) = self.group(id) {
            group.running = false;
        }
        self.find_next_change();
    }
}
