//! Tells a target something, once.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use reqwest::{Url, header, redirect};
use service_kit::settings::NotificationsSettings;

use super::Form;
use super::Told;
use super::address::{self, PrivateAddress, PublicOnly};
use super::mail::Mailer;
use super::outcome::{self, Attempt, Failure};
use super::signature;
use super::targets::Target;

/// How long a target may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls targets. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    private: bool,
    mailer: Option<Mailer>,
}

impl Client {
    /// A client; to targets in private networks only if told so, and to mailboxes where there is a
    /// mail server.
    pub(crate) fn new(settings: &NotificationsSettings) -> anyhow::Result<Self> {
        let mut http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            // A proxy would resolve names by itself, unchecked.
            .no_proxy()
            .user_agent(concat!("algotrade/", env!("CARGO_PKG_VERSION")))
            // Targets are called rarely: open connections would mostly wait.
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(15));
        if !settings.allow_private_targets {
            http = http.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self {
            http: http.build()?,
            private: settings.allow_private_targets,
            mailer: Mailer::new(&settings.smtp)?,
        })
    }

    /// Whether a URL may be called at all, as far as it says so by itself.
    pub(crate) fn accepts(&self, url: &Url) -> bool {
        self.private || !address::names_private_address(url)
    }

    /// Whether calls without TLS are allowed: where they can't leave the house.
    pub(crate) fn accepts_plain(&self) -> bool {
        self.private
    }

    /// The way to mailboxes, where there is one.
    pub(crate) fn mailer(&self) -> Option<&Mailer> {
        self.mailer.as_ref()
    }

    /// Tells a target.
    pub(crate) async fn tell(&self, target: &Target, told: &Told) -> Attempt {
        match target.form {
            Form::Email => self.mail(target, told).await,
            _ => self.call(target, told).await,
        }
    }

    async fn mail(&self, target: &Target, told: &Told) -> Attempt {
        let Some(mailer) = &self.mailer else {
            // It may come back, as when one replica isn't set up yet.
            return Attempt::Failed(Failure::again("there is no mail server here now"));
        };
        match target.mailbox() {
            Some(address) if target.is_confirmed() => mailer.tell(address, told).await,
            Some(_) => Attempt::Failed(Failure::for_good("the address was not confirmed yet")),
            None => Attempt::Failed(Failure::for_good("the target's address can't be read")),
        }
    }

    async fn call(&self, target: &Target, told: &Told) -> Attempt {
        let Ok(url) = Url::parse(&target.url) else {
            return Attempt::Failed(Failure::for_good("the target's URL can't be read"));
        };
        if !self.accepts(&url) {
            return Attempt::Failed(Failure::for_good(PrivateAddress.to_string()));
        }
        let body = target.form.body(told, target.chat_id.as_deref());
        let now = Utc::now();
        let mut request = self.http.post(url);
        for (name, value) in signature::headers(&target.secrets(now), told.id, now, &body) {
            // A receiver that doesn't check signatures isn't bothered with empty ones.
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        match request.body(body).send().await {
            Ok(answer) => {
                let retry_after = answer.headers().get(header::RETRY_AFTER);
                let retry_after = retry_after.and_then(|value| value.to_str().ok());
                outcome::judge(answer.status(), retry_after)
            }
            Err(error) => Attempt::Failed(failure(&error)),
        }
    }
}

/// In words that don't repeat the URL, which may hold a secret.
fn failure(error: &reqwest::Error) -> Failure {
    if causes(error).any(|cause| cause.is::<PrivateAddress>()) {
        return Failure::for_good(PrivateAddress.to_string());
    }
    if error.is_timeout() {
        return Failure::again(format!("no answer within {} s", TIMEOUT.as_secs()));
    }
    if error.is_connect() {
        let deepest = causes(error).last().map(ToString::to_string);
        let deepest = deepest.unwrap_or_default();
        return Failure::again(format!("no connection: {deepest}"));
    }
    Failure::again("the connection broke before an answer came")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let next = |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    };
    std::iter::successors(Some(error), next)
}
