//! The service on the Advanced Trade feed: the log holds the same trades as on the other.

use crate::common::{TestApp, log, player, recording, settings, trades_of};
use kafka_common::messages::MarketDataUpdate;
use service_kit::settings::FeedKind;
use test_support::isolated;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_trade_of_the_other_feed_is_in_the_log_once_and_in_order() {
    let own = isolated().await;
    let mut settings = settings(&own).await;
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 3_000);
    let simulator = player(&path).await;
    settings.feed.kind = FeedKind::Advanced;
    settings.feed.websocket_url = simulator.advanced_url();
    settings.feed.rest_url = simulator.rest_url();
    settings.feed.products = vec!["BTC-USD".to_owned(), "ETH-USD".to_owned()];
    let app = TestApp::start_with(settings.clone()).await;
    let counts = app.play(&simulator).await;
    app.stop().await;
    let records = log(&settings, "market-data-updates", 8).await;
    let expected = trades_of(&path);
    assert_eq!(
        counts.published,
        (expected["BTCUSD"].len() + expected["ETHUSD"].len()) as u64
    );
    for symbol in ["BTCUSD", "ETHUSD"] {
        let told: Vec<MarketDataUpdate> = records
            .iter()
            .filter(|record| record.key == symbol)
            .map(|record| serde_json::from_str(&record.data().to_string()).unwrap())
            .collect();
        assert_eq!(told.len(), expected[symbol].len());
        for (update, trade) in told.iter().zip(&expected[symbol]) {
            assert_eq!(update.trade_id, Some(trade.trade_id));
            assert_eq!((update.price, update.volume), (trade.price, trade.size));
            assert_eq!(update.timestamp, trade.time);
            assert!(update.side.is_some());
        }
    }
}
