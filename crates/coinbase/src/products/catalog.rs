//! What Coinbase lists, and finding a product by either of its names.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{ProductId, Symbol};

/// How many names [`Catalog::suggest`] offers at most.
const SUGGESTIONS: usize = 3;

/// One product as `GET /products` and the `status` channel describe it. Fields that this platform
/// doesn't use are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Name at Coinbase.
    pub id: ProductId,
    /// What is bought and sold.
    pub base_currency: String,
    /// What it is paid with.
    pub quote_currency: String,
    /// Smallest step of a size, in units of the base.
    #[serde(with = "rust_decimal::serde::str")]
    pub base_increment: Decimal,
    /// Smallest step of a price, in units of the quote.
    #[serde(with = "rust_decimal::serde::str")]
    pub quote_increment: Decimal,
    /// `online`, `offline`, `internal` or `delisted`; missing in older shapes.
    #[serde(default)]
    pub status: String,
    /// Why it isn't online, often null.
    #[serde(default)]
    pub status_message: Option<String>,
    /// Whether trading is switched off although it is online.
    #[serde(default)]
    pub trading_disabled: bool,
}

impl Product {
    /// The product's name on the wire.
    pub fn symbol(&self) -> Symbol {
        self.id.symbol()
    }
}

/// The products that can be subscribed to, sorted by id.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    by_id: BTreeMap<ProductId, Product>,
    by_symbol: BTreeMap<Symbol, ProductId>,
}

impl Catalog {
    /// Indexes `products`. Of two with the same id the later counts. Of two whose ids give the same
    /// symbol (`A-BUSD`, `AB-USD`) the smaller id gets it, whatever order they came in; the other
    /// is still found by its id.
    pub fn new(products: impl IntoIterator<Item = Product>) -> Self {
        let by_id: BTreeMap<_, _> = products.into_iter().map(|p| (p.id, p)).collect();
        let mut by_symbol = BTreeMap::new();
        for id in by_id.keys() {
            by_symbol.entry(id.symbol()).or_insert(*id);
        }
        Self { by_id, by_symbol }
    }

    /// The product with this id.
    pub fn by_id(&self, id: ProductId) -> Option<&Product> {
        self.by_id.get(&id)
    }

    /// The product with this symbol.
    pub fn by_symbol(&self, symbol: Symbol) -> Option<&Product> {
        self.by_id.get(self.by_symbol.get(&symbol)?)
    }

    /// Finds a product by whatever a person may have typed: `BTC-USD`, `BTCUSD`, `btc/usd`.
    pub fn find(&self, text: &str) -> Option<&Product> {
        let wanted = Symbol::parse(&plain(text)).ok()?;
        match ProductId::parse(text) {
            Ok(id) => self.by_id(id),
            Err(_) => self.by_symbol(wanted),
        }
    }

    /// The symbols nearest to an unknown one by edit distance, best first, at most three. Empty if
    /// nothing is near enough to be a likely slip.
    pub fn suggest(&self, text: &str) -> Vec<Symbol> {
        // Bounded, because the distance takes time in proportion to the length.
        let wanted: String = plain(text).chars().take(32).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let mut near: Vec<(usize, &Symbol)> = self
            .by_symbol
            .iter()
            .map(|(symbol, id)| {
                let whole = strsim::damerau_levenshtein(&wanted, symbol.as_str());
                // Whoever types only "BTC" means BTC against something.
                let base = strsim::damerau_levenshtein(&wanted, id.base()) + 1;
                (whole.min(base), symbol)
            })
            .filter(|(distance, _)| *distance <= 1 + wanted.len() / 3)
            .collect();
        near.sort();
        near.into_iter()
            .take(SUGGESTIONS)
            .map(|(_, symbol)| *symbol)
            .collect()
    }

    /// All products, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Product> {
        self.by_id.values()
    }

    /// How many products there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

impl FromIterator<Product> for Catalog {
    fn from_iter<I: IntoIterator<Item = Product>>(products: I) -> Self {
        Self::new(products)
    }
}

fn plain(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn product(id: &str) -> Product {
        let id = ProductId::parse(id).unwrap();
        Product {
            id,
            base_currency: id.base().into(),
            quote_currency: id.quote().into(),
            base_increment: Decimal::new(1, 8),
            quote_increment: Decimal::new(1, 2),
            status: "online".into(),
            status_message: None,
            trading_disabled: false,
        }
    }

    fn catalog() -> Catalog {
        ["BTC-USD", "ETH-USD", "SOL-USD", "BTC-EUR", "DOGE-USD"]
            .map(product)
            .into_iter()
            .collect()
    }

    fn symbol(text: &str) -> Symbol {
        Symbol::parse(text).unwrap()
    }

    #[test]
    fn found_by_any_spelling() {
        let catalog = catalog();
        for text in ["BTC-USD", "BTCUSD", "btcusd", "btc/usd", "btc-usd"] {
            assert_eq!(catalog.find(text).unwrap().id.as_str(), "BTC-USD", "{text}");
        }
        assert!(catalog.find("XYZUSD").is_none());
        assert!(catalog.find("").is_none());
        assert_eq!(
            catalog.by_symbol(symbol("BTCEUR")).unwrap().id.as_str(),
            "BTC-EUR"
        );
    }

    #[test]
    fn suggestions_are_the_nearest() {
        let catalog = catalog();
        assert_eq!(catalog.suggest("BTCUDS")[0], symbol("BTCUSD"));
        assert_eq!(catalog.suggest("ETHUSDT")[0], symbol("ETHUSD"));
        assert_eq!(catalog.suggest("doge")[0], symbol("DOGEUSD"));
        assert_eq!(catalog.suggest("btc"), [symbol("BTCEUR"), symbol("BTCUSD")]);
        assert!(catalog.suggest("QQQQQQQQQQ").is_empty());
        assert!(catalog.suggest("").is_empty());
        assert!(catalog.suggest(&"B".repeat(100_000)).is_empty());
    }

    #[test]
    fn one_symbol_of_two_products_goes_to_the_smaller_id() {
        let catalog = Catalog::new([product("AB-USD"), product("A-BUSD")]);
        assert_eq!(
            catalog.by_symbol(symbol("ABUSD")).unwrap().id.as_str(),
            "A-BUSD"
        );
        assert_eq!(catalog.find("AB-USD").unwrap().id.as_str(), "AB-USD");
        assert_eq!(catalog.len(), 2);
    }

    #[test]
    fn the_rest_shape_is_read() {
        let body = r#"[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD",
            "quote_increment":"0.01","base_increment":"0.00000001","display_name":"BTC-USD",
            "min_market_funds":"1","margin_enabled":false,"post_only":false,"limit_only":false,
            "cancel_only":false,"status":"online","status_message":"","trading_disabled":false,
            "fx_stablecoin":false,"max_slippage_percentage":"0.02","auction_mode":false,
            "high_bid_limit_percentage":""}]"#;
        let products: Vec<Product> = serde_json::from_str(body).unwrap();
        assert_eq!(products[0].quote_increment, Decimal::new(1, 2));
        assert_eq!(products[0].symbol(), symbol("BTCUSD"));
    }
}
