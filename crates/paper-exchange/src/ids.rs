//! Ids that derive from what caused them, so that processing a log again gives the same ids.

use uuid::Uuid;

use crate::open::Leg;

/// Namespace of trade ids.
pub const TRADE_NAMESPACE: Uuid = Uuid::from_u128(0x5db1_ee85_8c08_5388_b59d_3c95_a310_0785);

/// The id of execution number `ordinal` (from 0) of an order; an entry's id is its signal's.
pub fn trade_id(order_id: Uuid, ordinal: u32) -> Uuid {
    Uuid::new_v5(&TRADE_NAMESPACE, format!("{order_id}/{ordinal}").as_bytes())
}

/// The id of a part of a signal's order.
pub fn leg_id(signal_id: Uuid, leg: Leg) -> Uuid {
    let name = match leg {
        Leg::Entry => return signal_id,
        Leg::StopLoss => format!("{signal_id}/stop_loss"),
        Leg::TakeProfit(number) => format!("{signal_id}/take_profit/{number}"),
    };
    Uuid::new_v5(&TRADE_NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_id_is_the_uuid5_of_its_name() {
        // python3: uuid.uuid5(uuid.UUID("5db1ee85-..."), str(uuid.UUID(int=7)) + "/0")
        let id = trade_id(Uuid::from_u128(7), 0);
        assert_eq!(id.to_string(), "0ab02b1f-578e-52b4-9732-e3494a72925e");
        assert_ne!(id, trade_id(Uuid::from_u128(7), 1));
    }
}
