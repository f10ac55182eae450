//! Putting the parts together.

use std::sync::Arc;

use coinbase::ProductId;
use coinbase::client::FeedClient;
use service_kit::{Context, Service, Starting};

use crate::book::Markets;
use crate::feed::{self, FeedHealth, FeedTask};
use crate::http::{self, AppState};
use crate::listing::Listing;
use crate::producer::Producer;
use crate::publisher::publisher;
use crate::quotes::Quotes;
use crate::registry::{CONFIGURATION, Registry};
use crate::statistics::FeedStatistics;
use crate::store::Store;
use crate::subscriptions::MAX_PRODUCTS;
use crate::tick_cache::TickCache;
use crate::{tail, telemetry};

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
    let source = settings.feed.source;
    let (listing, logged, store) = tokio::try_join!(
        Listing::load(&settings.feed.rest_url, &settings.feed.products),
        tail::read(&settings.kafka, source.as_str()),
        Store::open(context.database.clone()),
    )?;
    let (listing, is_complete) = listing;
    tracing::info!(
        source = source.as_str(),
        products = listing.catalog().len(),
        symbols_in_log = logged.len(),
        "market data starts"
    );
    let wanted = wanted(&listing, is_complete, &settings.feed.products, &store).await?;

    let listing = Arc::new(listing);
    let markets = Arc::new(Markets::new(source, logged));
    let statistics = Arc::new(FeedStatistics::default());
    let producer = Arc::new(Producer::start(&settings.kafka)?);
    let feed = FeedClient::spawn(
        feed::config(&settings.feed),
        [],
        context.shutdown.child_token(),
    );
    let carried = feed.products().clone();
    let (publisher, acknowledger, publishing) = publisher(
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
    let task = FeedTask {
        feed,
        markets: Arc::clone(&markets),
        publisher,
        statistics: Arc::clone(&statistics),
        health: connection,
    };

    let registry = Arc::new(Registry::new(
        carried.clone(),
        Arc::clone(&markets),
        Arc::clone(&producer),
        store,
    ));
    // The book must know a product before the feed brings its first trade.
    registry.begin(wanted).await;

    let quotes = Arc::new(Quotes::new(source.as_str()));
    let tick_cache = TickCache {
        cache: context.cache.clone(),
        markets: Arc::clone(&markets),
        source: source.as_str(),
    };
    let shutdown = || context.shutdown.clone();
    let refreshing = Arc::clone(&listing).refresh(is_complete, carried, shutdown());
    let tasks = vec![
        tokio::spawn(feed::run(task, acknowledger, producer, shutdown())),
        tokio::spawn(refreshing),
        tokio::spawn(Arc::clone(&quotes).run(Arc::clone(&markets), shutdown())),
        tokio::spawn(tick_cache.run(shutdown())),
    ];
    let state = AppState::new(
        registry,
        markets,
        listing,
        quotes,
        context.cache.clone(),
        source,
        shutdown(),
    );
    let (router, openapi) = http::router(state);
    let service = Service {
        router,
        openapi,
        tasks,
    };
    Ok((service, statistics))
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
