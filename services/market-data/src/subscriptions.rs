//! Who asked for which product: bookkeeping, bounded, without I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use coinbase::ProductId;

/// Products carried at most.
pub const MAX_PRODUCTS: usize = 500;
/// Users and sessions that are remembered for one product at most.
const MAX_REQUESTERS: usize = 1_000;

/// What a request changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The product is carried from now on.
    Carried,
    /// Nobody asks for the product any more: it is carried on for a while.
    Left,
    /// One requester more or fewer of a product that others want as well, or wanted just now.
    Requesters,
    /// Nothing.
    Nothing,
}

/// Why a request can't be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// So many products are carried already.
    TooManyProducts,
    /// So many have asked for it already.
    TooManyRequesters,
    /// This one has asked for so many already.
    TooManyOfRequester,
    /// Nobody has asked for the product.
    NotCarried,
    /// Others have asked for it, this one hasn't.
    NotRequester,
}

/// Who asked for which product.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// A product without requesters is carried on for a while.
    requesters: BTreeMap<ProductId, BTreeSet<String>>,
    /// Since when nobody asks for it, and who was the last.
    left: BTreeMap<ProductId, (Instant, String)>,
}

impl Subscriptions {
    /// What [`Subscriptions::add`] would change, for one who may have up to `most` products.
    ///
    /// # Errors
    /// A bound is reached.
    pub fn would_add(
        &self,
        product: ProductId,
        requester: &str,
        most: Option<usize>,
    ) -> Result<Change, Refusal> {
        let known = self.requesters.get(&product);
        if known.is_some_and(|known| known.contains(requester)) {
            return Ok(Change::Nothing);
        }
        if most.is_some_and(|most| self.count_of(requester) >= most) {
            return Err(Refusal::TooManyOfRequester);
        }
        match known {
            None if self.requesters.len() >= MAX_PRODUCTS => Err(Refusal::TooManyProducts),
            None => Ok(Change::Carried),
            Some(known) if known.len() >= MAX_REQUESTERS => Err(Refusal::TooManyRequesters),
            Some(_) => Ok(Change::Requesters),
        }
    }

    fn count_of(&self, requester: &str) -> usize {
        let all = self.requesters.values();
        all.filter(|known| known.contains(requester)).count()
    }

    /// Adds a requester.
    ///
    /// # Errors
    /// A bound is reached.
    pub fn add(&mut self, product: ProductId, requester: &str) -> Result<Change, Refusal> {
        let change = self.would_add(product, requester, None)?;
        self.left.remove(&product);
        let known = self.requesters.entry(product).or_default();
        known.insert(requester.to_owned());
        Ok(change)
    }

    /// What [`Subscriptions::remove`] would change.
    ///
    /// # Errors
    /// There is nothing of this requester to remove.
    pub fn would_remove(&self, product: ProductId, requester: &str) -> Result<Change, Refusal> {
        match self.requesters.get(&product) {
            None => Err(Refusal::NotCarried),
            Some(known) if known.is_empty() => Err(Refusal::NotCarried),
            Some(known) if !known.contains(requester) => Err(Refusal::NotRequester),
            Some(known) if known.len() == 1 => Ok(Change::Left),
            Some(_) => Ok(Change::Requesters),
        }
    }

    /// Removes a requester. The product stays until [`Subscriptions::expire`].
    ///
    /// # Errors
    /// There is nothing of this requester to remove.
    pub fn remove(
        &mut self,
        product: ProductId,
        requester: &str,
        now: Instant,
    ) -> Result<Change, Refusal> {
        let change = self.would_remove(product, requester)?;
        if let Some(known) = self.requesters.get_mut(&product) {
            known.remove(requester);
        }
        if change == Change::Left {
            self.left.insert(product, (now, requester.to_owned()));
        }
        Ok(change)
    }

    /// Removes a product that nobody has asked for since `before`; gives who was the last.
    pub fn expire(&mut self, product: ProductId, before: Instant) -> Option<String> {
        let (since, _) = self.left.get(&product)?;
        if *since > before {
            return None;
        }
        self.requesters.remove(&product);
        self.left.remove(&product).map(|(_, last)| last)
    }

    /// Removes all requesters of a product; whether there were any.
    pub fn remove_all(&mut self, product: ProductId) -> bool {
        self.left.remove(&product);
        self.requesters.remove(&product).is_some()
    }

    /// Each product with its requesters, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (ProductId, &BTreeSet<String>)> {
        self.requesters
            .iter()
            .map(|(product, known)| (*product, known))
    }

    /// The requesters of a product.
    pub fn requesters(&self, product: ProductId) -> Option<&BTreeSet<String>> {
        self.requesters.get(&product)
    }

    /// How many products are carried.
    pub fn len(&self) -> usize {
        self.requesters.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn product(id: &str) -> ProductId {
        ProductId::parse(id).unwrap()
    }

    #[test]
    fn a_product_is_carried_from_its_first_requester_to_its_last() {
        let (btc, now) = (product("BTC-USD"), Instant::now());
        let mut subscriptions = Subscriptions::default();
        assert_eq!(subscriptions.add(btc, "alice"), Ok(Change::Carried));
        assert_eq!(subscriptions.add(btc, "alice"), Ok(Change::Nothing));
        assert_eq!(subscriptions.add(btc, "bob"), Ok(Change::Requesters));
        let mut leave = |who| subscriptions.remove(btc, who, now);
        assert_eq!(leave("carol"), Err(Refusal::NotRequester));
        assert_eq!(leave("alice"), Ok(Change::Requesters));
        assert_eq!(leave("bob"), Ok(Change::Left));
        assert_eq!(leave("bob"), Err(Refusal::NotCarried));
        assert_eq!(subscriptions.len(), 1, "it is carried on for a while");
        assert_eq!(subscriptions.expire(btc, now).as_deref(), Some("bob"));
        assert_eq!(subscriptions.len(), 0);
    }

    #[test]
    fn who_comes_back_in_time_keeps_it() {
        let (btc, start) = (product("BTC-USD"), Instant::now());
        let later = start + std::time::Duration::from_secs(10);
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(btc, "alice").unwrap();
        subscriptions.remove(btc, "alice", start).unwrap();
        assert_eq!(subscriptions.add(btc, "bob"), Ok(Change::Requesters));
        assert_eq!(subscriptions.expire(btc, start), None);
        subscriptions.remove(btc, "bob", later).unwrap();
        assert_eq!(subscriptions.expire(btc, start), None, "too early");
        assert_eq!(subscriptions.expire(btc, later).as_deref(), Some("bob"));
    }

    #[test]
    fn all_bounds_hold() {
        let mut subscriptions = Subscriptions::default();
        for at in 0..MAX_PRODUCTS {
            subscriptions
                .add(product(&format!("A{at}-USD")), "alice")
                .unwrap();
        }
        let more = product("B-USD");
        assert_eq!(
            subscriptions.add(more, "alice"),
            Err(Refusal::TooManyProducts)
        );
        let first = product("A0-USD");
        for at in 1..MAX_REQUESTERS {
            subscriptions.add(first, &format!("user-{at}")).unwrap();
        }
        assert_eq!(
            subscriptions.add(first, "zoe"),
            Err(Refusal::TooManyRequesters)
        );
        assert_eq!(subscriptions.add(first, "alice"), Ok(Change::Nothing));
        assert_eq!(subscriptions.len(), MAX_PRODUCTS);
        let second = product("A1-USD");
        let would_add = |product, most| subscriptions.would_add(product, "user-1", most);
        assert_eq!(would_add(second, Some(1)), Err(Refusal::TooManyOfRequester));
        assert_eq!(would_add(first, Some(1)), Ok(Change::Nothing));
        assert_eq!(would_add(second, None), Ok(Change::Requesters));
    }
}
