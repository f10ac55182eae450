//! Which products this replica carries: those that are wanted, in the partitions that it holds.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coinbase::client::PoolProducts;
use coinbase::{ProductId, Symbol};
use kafka_common::partitioner::market_data_partition;

use crate::book::{Logged, Markets};

#[derive(Debug)]
enum Held {
    /// There are no other replicas.
    All,
    /// These partitions.
    Some(BTreeSet<i32>),
}

#[derive(Debug)]
struct State {
    wanted: BTreeSet<ProductId>,
    held: Held,
}

impl State {
    fn holds(&self, product: ProductId) -> bool {
        match &self.held {
            Held::All => true,
            Held::Some(partitions) => partitions.contains(&partition_of(product)),
        }
    }
}

/// The partition that a product's trades are on.
pub fn partition_of(product: ProductId) -> i32 {
    market_data_partition(product.symbol().as_str())
}

/// Tells feed and book what to carry.
#[derive(Debug)]
pub struct Assignment {
    feed: PoolProducts,
    markets: Arc<Markets>,
    state: Mutex<State>,
}

impl Assignment {
    /// Nothing is wanted yet. Among replicas nothing is held yet either, and everything otherwise.
    pub fn new(feed: PoolProducts, markets: Arc<Markets>, is_replicated: bool) -> Self {
        let held = match is_replicated {
            true => Held::Some(BTreeSet::new()),
            false => Held::All,
        };
        let wanted = BTreeSet::new();
        Self {
            feed,
            markets,
            state: Mutex::new(State { wanted, held }),
        }
    }

    /// These products are wanted from now on. All in one request: a recording that is played must
    /// not begin with half of them.
    pub fn want(&self, products: &[ProductId]) {
        let mut state = self.state();
        state.wanted.extend(products);
        let ours: Vec<ProductId> = products
            .iter()
            .copied()
            .filter(|p| state.holds(*p))
            .collect();
        // The book must know a product before the feed brings its first trade.
        for product in &ours {
            self.markets.lock().carry(*product);
        }
        self.feed.subscribe(ours);
    }

    /// A product isn't wanted any more.
    pub fn give_up(&self, product: ProductId) {
        self.state().wanted.remove(&product);
        self.feed.unsubscribe([product]);
        self.markets.lock().drop_product(product);
    }

    /// A partition is ours, and its log ends as told.
    pub fn hold(&self, partition: i32, logged: &HashMap<Symbol, Logged>) {
        let mut state = self.state();
        if let Held::Some(partitions) = &mut state.held {
            partitions.insert(partition);
        }
        let of_partition = |product: &&ProductId| partition_of(**product) == partition;
        let products: Vec<ProductId> = state.wanted.iter().filter(of_partition).copied().collect();
        for product in &products {
            let mut book = self.markets.lock();
            book.begin_anew(*product, logged.get(&product.symbol()).copied());
        }
        self.feed.subscribe(products);
    }

    /// A partition isn't ours any more: nothing of it goes out.
    pub fn lose(&self, partition: i32) {
        let mut state = self.state();
        if let Held::Some(partitions) = &mut state.held {
            partitions.remove(&partition);
        }
        let of_partition = |product: &&ProductId| partition_of(**product) == partition;
        let products: Vec<ProductId> = state.wanted.iter().filter(of_partition).copied().collect();
        for product in &products {
            self.markets.lock().drop_product(*product);
        }
        self.feed.unsubscribe(products);
    }

    /// The wanted products that another replica holds.
    pub fn elsewhere(&self) -> Vec<ProductId> {
        let state = self.state();
        let wanted = state.wanted.iter().copied();
        wanted.filter(|product| !state.holds(*product)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
