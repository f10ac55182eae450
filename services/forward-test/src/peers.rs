//! Calls to the other services.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use service_kit::{Auth, Context, Problem, Role};
use session_account::Terms;
use uuid::Uuid;

use crate::repository::SessionRow;

/// Our name in tokens.
const CALLER: &str = "forward-test";

/// The other services. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    http: reqwest::Client,
    auth: Auth,
    strategy_url: String,
    market_data_url: String,
}

/// What the strategy service says of a deployment.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployed {
    pub(crate) strategy_name: String,
    pub(crate) strategy_version: i32,
}

#[derive(Debug, Deserialize)]
struct Subscribed {
    symbol: String,
    requested_by: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Subscriptions {
    items: Vec<Subscribed>,
}

/// Why a call didn't work.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The other service refuses; trying again won't help.
    Refused(Problem),
    /// It doesn't answer; trying again may help.
    Unreachable(String),
}

impl CallError {
    /// For the user who waits.
    pub(crate) fn into_problem(self, service: &str) -> Problem {
        match self {
            Self::Refused(problem) => problem,
            Self::Unreachable(error) => Problem::unavailable(service, error),
        }
    }
}

impl Peers {
    pub(crate) fn new(context: &Context) -> Self {
        let services = &context.settings.services;
        Self {
            http: context.http.clone(),
            auth: context.auth.clone(),
            strategy_url: services.strategy_url.trim_end_matches('/').to_owned(),
            market_data_url: services.market_data_url.trim_end_matches('/').to_owned(),
        }
    }

    /// Makes sure that the feed carries a symbol, and tells its proper spelling.
    pub(crate) async fn subscribe(&self, symbol: &str) -> Result<String, CallError> {
        let url = format!("{}/v1/subscriptions", self.market_data_url);
        let body = json!({"symbol": symbol, "requested_by": CALLER});
        let response = self
            .call(self.http.request(Method::POST, url).json(&body))
            .await?;
        read::<Subscribed>(response)
            .await
            .map(|answer| answer.symbol)
    }

    /// The symbols that the feed carries for this service.
    pub(crate) async fn subscriptions(&self) -> Result<Vec<String>, CallError> {
        // All: no more are carried.
        let url = format!("{}/v1/subscriptions?limit=500", self.market_data_url);
        let answer = self.call(self.http.request(Method::GET, url)).await?;
        let carried = read::<Subscriptions>(answer).await?.items.into_iter();
        Ok(carried
            .filter(|one| one.requested_by.iter().any(|who| who == CALLER))
            .map(|one| one.symbol)
            .collect())
    }

    /// Gives up a symbol; the feed carries it on if others have asked for it.
    pub(crate) async fn unsubscribe(&self, symbol: &str) -> Result<(), CallError> {
        let url = format!(
            "{}/v1/subscriptions/{symbol}?requested_by={CALLER}",
            self.market_data_url
        );
        let request = self.http.request(Method::DELETE, url);
        self.call(request).await.map(|_| ())
    }

    /// Runs the session's strategy.
    pub(crate) async fn deploy(&self, session: &SessionRow) -> Result<Deployed, CallError> {
        let url = format!("{}/v1/deployments/{}", self.strategy_url, session.id);
        let terms = session.terms.as_ref().map(|terms| &terms.0);
        let body = DeploymentBody {
            user_id: &session.user_id,
            strategy_id: session.strategy_id,
            symbol: &session.symbol,
            timeframe: &session.timeframe,
            initial_balance: session.initial_balance,
            fee_rate: session.fee_rate,
            terms,
            starts_at: Terms::read(terms).ok().and_then(|terms| terms.starts_at),
        };
        read(
            self.call(self.http.request(Method::PUT, url).json(&body))
                .await?,
        )
        .await
    }

    /// Gives a command its place in the log.
    pub(crate) async fn command(
        &self,
        session_id: Uuid,
        command_id: Uuid,
        body: &serde_json::value::RawValue,
    ) -> Result<(), CallError> {
        let url = format!(
            "{}/v1/deployments/{session_id}/commands/{command_id}",
            self.strategy_url
        );
        let request = self.http.request(Method::PUT, url).json(body);
        self.call(request).await.map(|_| ())
    }

    /// Ends the session's run; false where the strategy service has never heard of it.
    pub(crate) async fn withdraw(&self, session_id: Uuid) -> Result<bool, CallError> {
        let url = format!("{}/v1/deployments/{session_id}", self.strategy_url);
        match self.call(self.http.request(Method::DELETE, url)).await {
            Ok(_) => Ok(true),
            Err(CallError::Refused(problem)) if problem.status == 404 => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn call(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let token = self
            .auth
            .issue(CALLER, Role::Service)
            .map_err(CallError::Refused)?;
        let sent = request.bearer_auth(token.token).send().await;
        let response = sent.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body: Value = response.json().await.unwrap_or_default();
        match status.is_client_error() {
            true => Err(CallError::Refused(refusal(status.as_u16(), &body))),
            false => Err(CallError::Unreachable(format!("{status}: {body}"))),
        }
    }
}

#[derive(Debug, serde::Serialize)]
struct DeploymentBody<'a> {
    user_id: &'a str,
    strategy_id: Uuid,
    symbol: &'a str,
    timeframe: &'a str,
    #[serde(with = "kafka_common::decimal::number")]
    initial_balance: rust_decimal::Decimal,
    #[serde(with = "kafka_common::decimal::number")]
    fee_rate: rust_decimal::Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<DateTime<Utc>>,
}

async fn read<T: serde::de::DeserializeOwned>(response: Response) -> Result<T, CallError> {
    response
        .json()
        .await
        .map_err(|error| CallError::Unreachable(error.to_string()))
}

/// The other service's problem, as our own answer.
fn refusal(status: u16, body: &Value) -> Problem {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let code = text("code").unwrap_or("refused");
    let detail = text("detail").unwrap_or("another service refused the request");
    let mut problem = Problem::new(status, code, detail);
    problem.field = text("field").map(str::to_owned);
    problem.hint = text("hint").map(str::to_owned);
    problem
}
