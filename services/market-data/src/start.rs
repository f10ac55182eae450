//! Putting the parts together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use coinbase::ProductId;
use coinbase::client::{FeedPool, RestClient};
use kafka_common::Delivery;
use serde_json::json;
use service_kit::leases::Leases;
use service_kit::settings::FeedSettings;
use service_kit::{Context, Service, Settings, Starting};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::assignment::Assignment;
use crate::book::{Markets, Rules};
use crate::elsewhere;
use crate::feed::{self, FeedTask};
use crate::feed_health::FeedHealth;
use crate::fetch::Fetches;
use crate::history::History;
use crate::holder::{self, Holder};
use crate::http::{self, AppState};
use crate::lane::Limits;
use crate::listing::Listing;
use crate::outlet::{Outlet, Writers};
use crate::producer::Producer;
use crate::publisher::publisher;
use crate::quotes::Quotes;
use crate::registry::{CONFIGURATION, Registry};
use crate::statistics::FeedStatistics;
use crate::store::Store;
use crate::subscriptions::MAX_PRODUCTS;
use crate::tail::{self, Tail};
use crate::telemetry;
use crate::tick_cache::TickCache;

/// Between two looks at what users asked of other replicas.
const FOLLOW: Duration = Duration::from_secs(2);

/// Starts the service.
///
/// # Errors
/// Kafka or the database can't be reached, the settings are refused, or a configured product has
/// a name that can't be one.
#[must_use]
pub fn start(context: Context) -> Starting<Service> {
    Box::pin(async {
        let (service, _statistics) = start_now(context).await?;
        Ok(service)
    })
}

/// Starts the service, and gives its counts as well.
///
/// # Errors
/// As [`start`].
#[must_use]
pub fn start_with_stats(context: Context) -> Starting<(Service, Arc<FeedStatistics>)> {
    Box::pin(start_now(context))
}

async fn start_now(context: Context) -> anyhow::Result<(Service, Arc<FeedStatistics>)> {
    telemetry::describe();
    let settings = &context.settings;
    if settings.feed.replicated && settings.kafka.delivery != Delivery::ExactlyOnce {
        anyhow::bail!(
            "feed.replicated: replicas need a broker with transactions \
             (kafka.delivery = \"exactly_once\"), which keep one from writing after another has \
             taken over"
        );
    }
    let source = settings.feed.source;
    let rest = RestClient::new(&settings.feed.rest_url)?;
    let (listing, tail, store) = tokio::try_join!(
        Listing::load(rest.clone(), &settings.feed, &context.cache),
        read_log(settings),
        Store::open(context.database.clone()),
    )?;
    let (listing, is_complete) = listing;
    tracing::info!(
        source = source.as_str(),
        products = listing.catalog().len(),
        symbols_in_log = tail.logged.len(),
        "market data starts"
    );
    let wanted = wanted(&listing, is_complete, &settings.feed.products, &store).await?;

    let listing = Arc::new(listing);
    let markets = Arc::new(Markets::new(rules(&settings.feed), tail.logged));
    let statistics = Arc::new(FeedStatistics::default());
    let producer = Arc::new(Producer::start(&settings.kafka)?);
    let feed = FeedPool::spawn(feed::config(&settings.feed), context.shutdown.child_token());
    let carried = feed.products().clone();
    let assignment = Arc::new(Assignment::new(
        carried.clone(),
        Arc::clone(&markets),
        settings.feed.replicated,
    ));
    let writers = Arc::new(Writers::default());
    let outlet = match settings.feed.replicated {
        true => Outlet::Fenced(Arc::clone(&writers)),
        false => Outlet::Plain(Arc::clone(&producer)),
    };
    let (publisher, acknowledger, publishing) = publisher(
        outlet,
        Arc::clone(&producer),
        source.as_str(),
        Arc::clone(&markets),
        Arc::clone(&statistics),
    );
    let stale_after = feed::stale_after(&settings.feed);
    let connection = Arc::new(FeedHealth::new(carried.clone(), stale_after));
    require(&context, "feed", {
        let connection = Arc::clone(&connection);
        move || connection.check()
    });
    require(&context, "publishing", move || publishing.check());
    context.health.tell("feed", {
        let connection = Arc::clone(&connection);
        move || connection.detail()
    });
    context.health.tell("products", {
        let markets = Arc::clone(&markets);
        move || markets.lock().detail(Instant::now())
    });
    context.health.tell("malformed", {
        let markets = Arc::clone(&markets);
        move || json!(markets.lock().malformed(Instant::now()))
    });
    let registry = Arc::new(Registry::new(
        Arc::clone(&assignment),
        Arc::clone(&producer),
        store,
        Duration::from_secs(settings.feed.subscription_grace_seconds),
    ));
    let task = FeedTask {
        feed,
        markets: Arc::clone(&markets),
        fetches: Fetches::new(rest.clone()),
        publisher,
        statistics: Arc::clone(&statistics),
        health: connection,
        registry: Arc::clone(&registry),
        stale_after,
    };
    registry.begin(wanted).await;

    let quotes = Arc::new(Quotes::new(source.as_str()));
    let tick_cache = TickCache {
        cache: context.cache.clone(),
        markets: Arc::clone(&markets),
        source: source.as_str(),
    };
    let shutdown = || context.shutdown.clone();
    let refreshing = Arc::clone(&listing).refresh(is_complete, carried, shutdown());
    let mut tasks = vec![
        tokio::spawn(feed::run(task, acknowledger, producer, shutdown())),
        tokio::spawn(refreshing),
        tokio::spawn(Arc::clone(&quotes).run(Arc::clone(&markets), shutdown())),
        tokio::spawn(tick_cache.run(shutdown())),
    ];
    if settings.feed.replicated {
        let replica = Replica {
            registry: Arc::clone(&registry),
            quotes: Arc::clone(&quotes),
            assignment,
            writers,
        };
        tasks.extend(replica.start(&context));
    }
    let state = AppState {
        registry,
        markets,
        listing,
        history: Arc::new(History::new(rest)),
        quotes,
        cache: context.cache.clone(),
        source,
        max_products_per_user: settings.feed.max_products_per_user,
        streams: http::stream_places(),
        shutdown: shutdown(),
    };
    let (router, openapi) = http::router(state);
    let service = Service {
        router,
        openapi,
        tasks,
    };
    Ok((service, statistics))
}

/// Where the log ends; among replicas that is read when a partition is taken over.
async fn read_log(settings: &Settings) -> anyhow::Result<Tail> {
    if settings.feed.replicated {
        return Ok(Tail::default());
    }
    tail::read(&settings.kafka, settings.feed.source.as_str(), None).await
}

/// What runs besides where there are several replicas.
struct Replica {
    registry: Arc<Registry>,
    quotes: Arc<Quotes>,
    assignment: Arc<Assignment>,
    writers: Arc<Writers>,
}

impl Replica {
    fn start(self, context: &Context) -> [JoinHandle<()>; 3] {
        let settings = &context.settings;
        let owner = Uuid::new_v4().to_string();
        let leases = Leases::new(context.cache.clone(), owner, holder::LEASE);
        let holder = Arc::new(Holder::new(
            &settings.kafka,
            settings.feed.source.as_str(),
            leases,
            self.writers,
            Arc::clone(&self.assignment),
        ));
        context.health.tell("leases", {
            let holder = Arc::clone(&holder);
            move || holder.detail()
        });
        let shutdown = || context.shutdown.clone();
        let elsewhere = elsewhere::run(
            context.cache.clone(),
            self.assignment,
            self.quotes,
            shutdown(),
        );
        [
            tokio::spawn(holder.run(shutdown())),
            tokio::spawn(elsewhere),
            tokio::spawn(follow(self.registry, shutdown())),
        ]
    }
}

/// Follows what users asked of other replicas.
async fn follow(registry: Arc<Registry>, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(sleep(FOLLOW)).await.is_some() {
        if let Err(error) = registry.follow().await {
            tracing::warn!(%error, "what was asked of other replicas isn't known");
        }
    }
}

fn rules(settings: &FeedSettings) -> Rules {
    let gap = &settings.gap;
    Rules {
        source: settings.source,
        limits: Limits {
            max_trades: gap.max_trades,
            max_wait: Duration::from_secs(gap.max_wait_seconds),
            max_held: gap.max_held,
        },
        quote_max_age: TimeDelta::milliseconds(settings.quote_max_age_ms.into()),
    }
}

fn require(
    context: &Context,
    name: &str,
    check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
) {
    context
        .health
        .require(name, move || std::future::ready(check()));
}

/// The configured products first, then what was asked for before the restart.
async fn wanted(
    listing: &Listing,
    is_complete: bool,
    configured: &[String],
    store: &Store,
) -> anyhow::Result<Vec<(ProductId, String)>> {
    if configured.len() > MAX_PRODUCTS {
        anyhow::bail!("feed.products: at most {MAX_PRODUCTS} products can be carried");
    }
    let mut wanted = Vec::new();
    for text in configured {
        match listing.find(text) {
            Ok(product) => wanted.push((product.id, CONFIGURATION.to_owned())),
            // A product that the exchange gave up must not keep the others from starting.
            Err(problem) => tracing::error!(
                product = text,
                hint = problem.hint,
                "feed.products: the exchange doesn't have this product"
            ),
        }
    }
    for (id, requested_by) in store.all().await? {
        let Ok(product) = ProductId::parse(&id) else {
            tracing::warn!(id, "a stored subscription is no product");
            continue;
        };
        if !is_complete {
            listing.assume(product);
        }
        match listing.catalog().by_id(product) {
            Some(_) => wanted.push((product, requested_by)),
            None => tracing::warn!(id, requested_by, "a product that was asked for is gone"),
        }
    }
    Ok(wanted)
}
