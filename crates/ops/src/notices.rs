//! What users are told on `user-notifications`.

use chrono::{DateTime, Duration, NaiveTime, Utc};
use kafka_common::messages::{
    ForwardTestEvent, ForwardTestEventKind, Severity, TradeExecution, UserNotification,
};
use kafka_common::{HandlerError, KafkaProducer, Operations, ProduceError, Record, Topics};

use crate::fold::Portfolio;
use crate::store::{Day, Store};
use crate::telemetry;

/// Least time between two notifications about a session's rejected orders, by event time.
const BETWEEN_REJECTIONS: Duration = Duration::minutes(10);
/// When a day is summed up, in UTC: what comes late has come by then.
const SUMMARY_AT: NaiveTime = match NaiveTime::from_hms_opt(0, 5, 0) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

async fn send(
    producer: &KafkaProducer<Operations>,
    notification: &UserNotification,
) -> Result<(), ProduceError> {
    let topic = Topics::USER_NOTIFICATIONS;
    producer
        .send_message(topic, notification, &notification.user_id)
        .await?;
    telemetry::produced("user-notifications", 1);
    Ok(())
}

/// Tells a session's owner of its error.
pub(crate) async fn on_event(
    producer: &KafkaProducer<Operations>,
    record: Record<ForwardTestEvent>,
) -> Result<(), HandlerError> {
    let event = &record.data;
    if event.event != ForwardTestEventKind::SessionError {
        return Ok(());
    }
    let reason = event.reason.as_deref().unwrap_or("no reason was given");
    let notification = UserNotification {
        user_id: event.user_id.clone(),
        title: format!("A session on {} was halted by an error", event.symbol),
        message: format!("{reason} (session {})", event.session_id),
        severity: Severity::Error,
        timestamp: event.timestamp,
        kind: Some("session_error".to_owned()),
    };
    send(producer, &notification)
        .await
        .map_err(HandlerError::transient)
}

/// Tells of a rejected order, as a limit on risk or cash that doesn't suffice, unless the owner was
/// told of another one of the session a short while ago.
pub(crate) async fn tell_rejection(
    producer: &KafkaProducer<Operations>,
    portfolio: &Portfolio,
    execution: &TradeExecution,
) -> Result<bool, HandlerError> {
    let told = portfolio.rejection_told_at;
    if told.is_some_and(|told| execution.timestamp < told + BETWEEN_REJECTIONS) {
        return Ok(false);
    }
    let reason = execution.reason.as_deref().unwrap_or("no reason was given");
    let action = execution.action.as_str();
    let notification = UserNotification {
        user_id: portfolio.user_id.clone(),
        title: format!("An order on {} was rejected", execution.symbol),
        message: format!(
            "{action} {}: {reason} (session {})",
            execution.quantity, execution.session_id
        ),
        severity: Severity::Warning,
        timestamp: execution.timestamp,
        kind: Some("order_rejected".to_owned()),
    };
    send(producer, &notification)
        .await
        .map_err(HandlerError::transient)?;
    Ok(true)
}

/// Sums up the days that are over.
pub(crate) async fn tell_days(
    store: &Store,
    producer: &KafkaProducer<Operations>,
    now: DateTime<Utc>,
) {
    if now.time() < SUMMARY_AT {
        return;
    }
    let days = match store.untold(now.date_naive()).await {
        Ok(days) => days,
        Err(error) => return telemetry::failed("daily summaries", &error),
    };
    for day in days {
        if let Err(error) = send(producer, &summary(&day, now)).await {
            return telemetry::failed("daily summaries", &error);
        }
        if let Err(error) = store.mark_told(&day).await {
            return telemetry::failed("daily summaries", &error);
        }
    }
}

fn summary(day: &Day, now: DateTime<Utc>) -> UserNotification {
    let orders = |count: i64, what: &str| match count {
        1 => format!("1 order {what}"),
        count => format!("{count} orders {what}"),
    };
    UserNotification {
        user_id: day.user_id.clone(),
        title: format!("Your {}", day.day.format("%A, %-d %B %Y")),
        message: format!(
            "{}, {}; realised {} at fees of {}",
            orders(day.filled, "filled"),
            orders(day.rejected, "rejected"),
            day.realized_pnl.normalize(),
            day.fees.normalize()
        ),
        severity: Severity::Info,
        timestamp: now,
        kind: Some("daily_summary".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::NaiveDate;
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn a_day_is_told_in_words() {
        let day = Day {
            user_id: "alice".to_owned(),
            day: NaiveDate::from_ymd_opt(2026, 3, 4).unwrap(),
            filled: 12,
            rejected: 1,
            realized_pnl: Decimal::new(-12_500, 3),
            fees: Decimal::new(420, 2),
        };
        let told = summary(&day, Utc::now());
        assert_eq!(told.title, "Your Wednesday, 4 March 2026");
        assert_eq!(
            told.message,
            "12 orders filled, 1 order rejected; realised -12.5 at fees of 4.2"
        );
    }
}
