//! A service: what it is given, what it gives, and how it is run.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;

use crate::auth::Auth;
use crate::cache::Cache;
use crate::health::Health;
use crate::serving::Patience;
use crate::settings::Settings;
use crate::{clock, database, otlp, serving, telemetry};

/// Largest request body.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Longest time to the head of a response; streams may go on after it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time that a service may take to finish what it has in hand.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What a service is given. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// The configuration.
    pub settings: Settings,
    /// Ends when the process shall end.
    pub shutdown: CancellationToken,
    /// Signs and checks tokens.
    pub auth: Auth,
    /// The database.
    pub database: PgPool,
    /// The cache.
    pub cache: Cache,
    /// Where the service adds its health checks.
    pub health: Health,
    /// For calls to other services.
    pub http: reqwest::Client,
    /// Whether broker and database are embedded in the process.
    pub embedded: bool,
}

impl Context {
    /// Connects to the database and the cache.
    ///
    /// # Errors
    /// One of them can't be reached; the text says which.
    #[must_use]
    pub fn connect(
        settings: Settings,
        shutdown: CancellationToken,
        embedded: bool,
    ) -> Starting<Self> {
        Box::pin(Self::connect_now(settings, shutdown, embedded))
    }

    async fn connect_now(
        settings: Settings,
        shutdown: CancellationToken,
        embedded: bool,
    ) -> anyhow::Result<Self> {
        install_crypto_provider();
        otlp::start(&settings.telemetry)?;
        let database = database::connect(&settings.database)
            .await
            .map_err(|error| anyhow::anyhow!("database.url: {error}"))?;
        if let Ok(Some(found)) = clock::of_database(&database).await {
            tracing::error!("database.url: {found}; {}", clock::REMEDY);
        }
        let cache = Cache::connect(&settings.redis)
            .await
            .map_err(|error| anyhow::anyhow!("redis.url: {error}"))?;
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .build()?;
        let auth = Auth::new(&settings.auth);
        let health = Health::default();
        let pool = database.clone();
        health.require("database", move || {
            let pool = pool.clone();
            async move {
                let answer = sqlx::query("SELECT 1").execute(&pool).await;
                answer.map(|_| ()).map_err(|error| error.to_string())
            }
        });
        let pinged = cache.clone();
        health.require("redis", move || {
            let pinged = pinged.clone();
            async move { pinged.ping().await.map_err(|error| error.to_string()) }
        });
        Ok(Self {
            settings,
            shutdown,
            auth,
            database,
            cache,
            health,
            http,
            embedded,
        })
    }
}

/// A start, boxed: the body of an `async fn` is compiled again in every crate that awaits it, and
/// a service's body is the whole service.
pub type Starting<T> = BoxFuture<'static, anyhow::Result<T>>;

/// A started service.
pub struct Service {
    /// Its paths.
    pub router: Router,
    /// Its document.
    pub openapi: utoipa::openapi::OpenApi,
    /// Tasks that end after `shutdown`, when what is in hand is done.
    pub tasks: Vec<JoinHandle<()>>,
}

impl Service {
    /// One service out of several: their paths are disjoint, their documents are merged.
    #[must_use]
    pub fn merge(services: impl IntoIterator<Item = Self>) -> Self {
        let empty = utoipa_axum::router::OpenApiRouter::<()>::new().to_openapi();
        let mut merged = Self {
            router: Router::new(),
            openapi: empty,
            tasks: Vec::new(),
        };
        for service in services {
            merged.router = merged.router.merge(service.router);
            merged.openapi.merge(service.openapi);
            merged.tasks.extend(service.tasks);
        }
        merged
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Service")
            .field("title", &self.openapi.info.title)
            .finish()
    }
}

/// Puts the paths of operation and the limits around services' paths.
pub fn application(context: &Context, service: Service, metrics: PrometheusHandle) -> Router {
    let health = context.health.clone();
    let vital = health.clone();
    let openapi = service.openapi;
    service
        .router
        .route("/healthz/live", get(move || vital.clone().live()))
        .route("/healthz/ready", get(move || health.clone().ready()))
        .route(
            "/metrics",
            get(move || std::future::ready(metrics.render())),
        )
        .route(
            "/openapi.json",
            get(move || std::future::ready(Json(openapi.clone()))),
        )
        .layer(axum::middleware::from_fn(measure))
        .layer(Extension(context.auth.clone()))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

async fn measure(request: Request, next: Next) -> Response {
    let method = request.method().as_str().to_owned();
    let path = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let started = std::time::Instant::now();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let nosniff = HeaderName::from_static("x-content-type-options");
    headers.insert(nosniff, HeaderValue::from_static("nosniff"));
    let status = response.status().as_u16().to_string();
    metrics::histogram!(
        "http_server_request_duration_seconds",
        "http_request_method" => method,
        "http_route" => path,
        "http_response_status_code" => status
    )
    .record(started.elapsed().as_secs_f64());
    response
}

/// A server whose port is known and which isn't serving yet.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
}

impl BoundServer {
    /// Binds.
    ///
    /// # Errors
    /// The address is in use or not this machine's.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| anyhow::anyhow!("http.listen {address}: {error}"))?;
        Ok(Self { listener })
    }

    /// The address, with the port that was given.
    ///
    /// # Errors
    /// The operating system's.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown`, then ends within the drain timeout, whatever is still open.
    ///
    /// # Errors
    /// The server failed.
    #[must_use]
    pub fn serve(
        self,
        application: Router,
        tasks: Vec<JoinHandle<()>>,
        shutdown: CancellationToken,
    ) -> Starting<()> {
        Box::pin(self.serve_now(application, tasks, shutdown))
    }

    async fn serve_now(
        self,
        application: Router,
        tasks: Vec<JoinHandle<()>>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let patience = Patience::default();
        let serving = serving::serve(self.listener, application, patience, shutdown.clone());
        let server = tokio::spawn(serving);
        let abort = server.abort_handle();
        tokio::select! {
            ended = server => { ended?; }
            () = shutdown.cancelled() => {}
        }
        let drained = async {
            for task in tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a task ended badly");
                }
            }
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            tracing::error!(after = ?DRAIN_TIMEOUT, "not everything was finished in time");
        }
        // Streams to browsers don't end by themselves.
        abort.abort();
        otlp::flush().await;
        Ok(())
    }
}

/// Makes ring the process's TLS provider; a second call changes nothing.
pub fn install_crypto_provider() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}

/// Ends with SIGTERM or Ctrl-C.
pub async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM can't be heard");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = interrupt => {}
        () = terminate => {}
    }
}

/// Logs and metrics, once a process.
///
/// # Errors
/// See [`telemetry`].
pub fn init_telemetry(settings: &Settings) -> anyhow::Result<PrometheusHandle> {
    telemetry::init_logs(&settings.log)?;
    telemetry::init_metrics()
}
