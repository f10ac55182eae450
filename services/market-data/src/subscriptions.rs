//! Who asked for which product: bookkeeping, bounded, without I/O.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The product is no longer carried.
    Dropped,
    /// One requester more or fewer of a product that others want as well.
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
    /// Nobody has asked for the product.
    NotCarried,
    /// Others have asked for it, this one hasn't.
    NotRequester,
}

/// Who asked for which product.
#[derive(Debug, Default)]
pub struct Subscriptions {
    requesters: BTreeMap<ProductId, BTreeSet<String>>,
}

impl Subscriptions {
    /// What [`Subscriptions::add`] would change.
    ///
    /// # Errors
    /// A bound is reached.
    pub fn would_add(&self, product: ProductId, requester: &str) -> Result<Change, Refusal> {
        match self.requesters.get(&product) {
            None if self.requesters.len() >= MAX_PRODUCTS => Err(Refusal::TooManyProducts),
            None => Ok(Change::Carried),
            Some(known) if known.contains(requester) => Ok(Change::Nothing),
            Some(known) if known.len() >= MAX_REQUESTERS => Err(Refusal::TooManyRequesters),
            Some(_) => Ok(Change::Requesters),
        }
    }

    /// Adds a requester.
    ///
    /// # Errors
    /// A bound is reached.
    pub fn add(&mut self, product: ProductId, requester: &str) -> Result<Change, Refusal> {
        let change = self.would_add(product, requester)?;
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
            Some(known) if !known.contains(requester) => Err(Refusal::NotRequester),
            Some(known) if known.len() == 1 => Ok(Change::Dropped),
            Some(_) => Ok(Change::Requesters),
        }
    }

    /// Removes a requester, and the product with its last one.
    ///
    /// # Errors
    /// There is nothing of this requester to remove.
    pub fn remove(&mut self, product: ProductId, requester: &str) -> Result<Change, Refusal> {
        let change = self.would_remove(product, requester)?;
        if change == Change::Dropped {
            self.requesters.remove(&product);
        } else if let Some(known) = self.requesters.get_mut(&product) {
            known.remove(requester);
        }
        Ok(change)
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
        let btc = product("BTC-USD");
        let mut subscriptions = Subscriptions::default();
        assert_eq!(subscriptions.add(btc, "alice"), Ok(Change::Carried));
        assert_eq!(subscriptions.add(btc, "alice"), Ok(Change::Nothing));
        assert_eq!(subscriptions.add(btc, "bob"), Ok(Change::Requesters));
        assert_eq!(
            subscriptions.remove(btc, "carol"),
            Err(Refusal::NotRequester)
        );
        assert_eq!(subscriptions.remove(btc, "alice"), Ok(Change::Requesters));
        assert_eq!(subscriptions.requesters(btc).unwrap().len(), 1);
        assert_eq!(subscriptions.remove(btc, "bob"), Ok(Change::Dropped));
        assert_eq!(subscriptions.remove(btc, "bob"), Err(Refusal::NotCarried));
        assert_eq!(subscriptions.len(), 0);
    }

    #[test]
    fn both_bounds_hold() {
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
    }
}
