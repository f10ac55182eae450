//! Orders, with what belongs to them.

use ruff_python_ast::{Expr, ExprCall};
use ruff_text_size::Ranged as _;
use serde_json::{Map, Value as Json, json};

use super::Lowering;
use super::build::Node;
use super::value::{Constant, Port, Size, Value};
use crate::diagnostic::quote;

impl<'a> Lowering<'a> {
    pub(super) fn order(&mut self, is_buy: bool, call: &'a ExprCall) -> Value {
        let name = if is_buy { "buy" } else { "sell" };
        let mut known = vec![("size", true), ("limit", false), ("stop", false)];
        if !is_buy {
            known.push(("trailing", false));
        }
        known.extend([("repeat", false), ("id", false)]);
        let given = self.given(name, &known, call);
        if !self.inside.is_empty() {
            let message = format!("{} can't stand in a function", quote(name));
            let hint = "functions are for series and conditions: order in an `if` outside of it";
            return self.error("order_misplaced", call, message, hint);
        }
        let trigger = self.trigger(call);
        if trigger.is_none() && self.conditions.is_empty() {
            let message = format!("{} has no condition", quote(name));
            let hint = format!("write `if condition:` and `{name}()` in its block");
            return self.error("order_misplaced", call, message, &hint);
        }
        let (Some(given), Some(trigger)) = (given, trigger) else {
            return Value::Unknown;
        };
        let size = match given.get("size").map(|at| (at, self.expression(at))) {
            None => Some(None),
            Some((_, Value::Size(size))) => Some(Some(size)),
            Some((at, Value::Number(_))) => {
                let message = "the size doesn't say what it counts";
                let hint =
                    "write `size=units(0.5)`, `size=cash(1000)` or `size=percent_of_cash(50)`";
                self.error("type_mismatch", at, message, hint);
                None
            }
            Some((at, other)) => {
                self.mismatch(at, &other, "a size", "write `size=percent_of_cash(50)`");
                None
            }
        };
        let Some(size) = size else {
            return Value::Unknown;
        };
        let all = Constant::whole(100);
        let default = if is_buy {
            Size::PercentOfCash(all)
        } else {
            Size::PercentOfPosition(all)
        };
        let size = size.unwrap_or(default);
        let (size_type, quantity) = match size {
            Size::Units(units) => ("units", units),
            Size::Cash(amount) => ("cash_amount", amount),
            Size::PercentOfCash(percent) => ("percent_of_cash", percent),
            Size::PercentOfPosition(percent) => ("percent_of_position", percent),
            _ if !is_buy => {
                let message = "only a buy can be sized by the equity";
                return self.error(
                    "argument_invalid",
                    call,
                    message,
                    "use `percent_of_position(50)`",
                );
            }
            _ => ("percent_of_cash", all),
        };
        let mut data = Map::from_iter([
            ("sizeType".to_owned(), json!(size_type)),
            ("quantity".to_owned(), quantity.json()),
        ]);
        let mut said = Vec::new();
        if let Some(at) = given.get("size") {
            said.push(("quantity", "size", at.range()));
            said.push(("sizeType", "size", at.range()));
        }
        let mut price = |lowering: &mut Self, name: &'static str, field: &'static str| {
            let at = given.get(name)?;
            said.push((field, name, at.range()));
            let number = lowering.number(at)?;
            data.insert(field.to_owned(), number.json());
            Some(())
        };
        let limit = price(self, "limit", "limitPrice").is_some();
        let stop = price(self, "stop", "stopPrice").is_some();
        let trailing = price(self, "trailing", "trailPercent").is_some();
        let order_type = match (limit, stop, trailing) {
            (false, false, false) => "market",
            (true, false, false) => "limit",
            (false, true, false) => "stop",
            (true, true, false) => "stop-limit",
            (false, false, true) => "trailing-stop",
            _ => {
                let message = "a trailing stop has neither a limit nor a stop";
                return self.error(
                    "argument_invalid",
                    call,
                    message,
                    "remove `limit` and `stop`",
                );
            }
        };
        data.insert("orderType".to_owned(), json!(order_type));
        match given.get("repeat").map(|at| (at, self.expression(at))) {
            None | Some((_, Value::Flag(false))) => {}
            Some((_, Value::Flag(true))) => drop(data.insert("repeat".to_owned(), json!(true))),
            Some((at, other)) => self.mismatch(at, &other, "True or False", ""),
        }
        let id = given.get("id").and_then(|at| self.id(at));
        let node = Node {
            kind: if is_buy { "buyNode" } else { "sellNode" },
            data,
            inputs: vec![(trigger, "trigger-in")],
            range: call.range(),
            said,
            name: id,
            called: if is_buy { "buy" } else { "sell" },
        };
        let Some(number) = self.add(node, true) else {
            return Value::Unknown;
        };
        self.last_buy = is_buy.then_some(number);
        self.sizing(number, size, call);
        Value::Nothing
    }

    fn id(&mut self, at: &'a Expr) -> Option<String> {
        let id = self.text(at)?;
        let taken = self
            .nodes
            .list
            .iter()
            .any(|node| node.name.as_deref() == Some(&*id));
        let problem = match id.len() {
            0 => "the id is empty",
            201.. => "the id is longer than 200 bytes",
            _ if taken => "another node has this id",
            _ => return Some(id),
        };
        self.error(
            "argument_invalid",
            at,
            problem,
            "choose another id, or leave it out",
        );
        None
    }

    /// A size that is computed from the equity has a node of its own.
    fn sizing(&mut self, order: usize, size: Size, call: &ExprCall) {
        let mut data = Map::new();
        let mut set = |name: &str, value: Json| drop(data.insert(name.to_owned(), value));
        let mut inputs = vec![(order_of(order), "signal-in")];
        match size {
            Size::PercentOfEquity {
                percent,
                most: None,
            } => {
                set("sizeType", json!("percent_portfolio"));
                set("sizeValue", percent.json());
            }
            Size::PercentOfEquity {
                percent,
                most: Some(most),
            } => {
                set("sizingMethod", json!("fixed_percent"));
                set("riskPercent", percent.json());
                set("maxPosition", most.json());
            }
            Size::PercentAtRisk {
                percent,
                fall,
                most,
            } => {
                set("sizingMethod", json!("volatility_adjusted"));
                set("riskPercent", percent.json());
                if let Some(most) = most {
                    set("maxPosition", most.json());
                }
                inputs.push((fall, "volatility-in"));
            }
            Size::AmountAtRisk {
                amount,
                stop_percent,
            } => {
                set("sizeType", json!("risk_based"));
                set("riskAmount", amount.json());
                if let Some(percent) = stop_percent {
                    set("stopLossPct", percent.json());
                }
            }
            _ => return,
        }
        let at = call.range();
        let said = [
            "sizeValue",
            "riskPercent",
            "maxPosition",
            "riskAmount",
            "stopLossPct",
        ];
        let node = Node {
            kind: "positionSizeNode",
            data,
            inputs,
            range: at,
            said: said.map(|field| (field, "size", at)).into(),
            name: None,
            called: "size",
        };
        self.add(node, true);
    }

    pub(super) fn size(&mut self, name: &str, call: &'a ExprCall) -> Value {
        let known: &[(&'static str, bool)] = match name {
            "units" => &[("quantity", true)],
            "cash" => &[("amount", true)],
            "percent_of_equity" => &[("percent", true), ("most", false)],
            "percent_at_risk" => &[("percent", true), ("fall", true), ("most", false)],
            "amount_at_risk" => &[("amount", true), ("stop_percent", false)],
            _ => &[("percent", true)],
        };
        let Some(given) = self.given(name, known, call) else {
            return Value::Unknown;
        };
        let first = known.first().map_or("percent", |(name, _)| name);
        let is_optional = matches!(name, "percent_of_cash" | "percent_of_position");
        let figure = match given.get(first) {
            Some(at) => self.number(at),
            None if is_optional => Some(Constant::whole(100)),
            None => {
                self.missing(name, first, call, "say how much");
                None
            }
        };
        let Some(figure) = figure else {
            return Value::Unknown;
        };
        let most = given.get("most").and_then(|at| self.number(at));
        let size = match name {
            "units" => Size::Units(figure),
            "cash" => Size::Cash(figure),
            "percent_of_cash" => Size::PercentOfCash(figure),
            "percent_of_position" => Size::PercentOfPosition(figure),
            "percent_of_equity" => Size::PercentOfEquity {
                percent: figure,
                most,
            },
            "amount_at_risk" => Size::AmountAtRisk {
                amount: figure,
                stop_percent: given.get("stop_percent").and_then(|at| self.number(at)),
            },
            _ => {
                let Some(fall) = given.get("fall") else {
                    self.missing(name, "fall", call, "give it a series, such as `atr(14)`");
                    return Value::Unknown;
                };
                match self.series(fall) {
                    Some(fall) => Size::PercentAtRisk {
                        percent: figure,
                        fall,
                        most,
                    },
                    None => return Value::Unknown,
                }
            }
        };
        Value::Size(size)
    }

    /// The buy that a stop or a target belongs to.
    fn entry(&mut self, name: &str, call: &ExprCall) -> Option<usize> {
        if self.last_buy.is_none() {
            let message = format!("{} belongs to no buy", quote(name));
            let hint = format!("write `{name}(...)` after a `buy()`, in the same block");
            self.error("stop_without_entry", call, message, &hint);
        }
        self.last_buy
    }

    /// The one distance of those that can be given.
    fn distance(
        &mut self,
        name: &str,
        given: &super::call::Given<'a>,
        ways: &[&'static str],
        call: &ExprCall,
    ) -> Option<(&'static str, &'a Expr)> {
        let mut found = ways
            .iter()
            .filter_map(|way| given.get(way).map(|at| (*way, at)));
        let first = found.next();
        if let Some((second, at)) = found.next() {
            let message = format!("{} has two distances", quote(name));
            self.error(
                "argument_invalid",
                at,
                message,
                &format!("remove `{second}`"),
            );
            return None;
        }
        if first.is_none() {
            self.missing(
                name,
                ways[0],
                call,
                &format!("write `{name}({}=2)`", ways[0]),
            );
        }
        first
    }

    pub(super) fn stop_loss(&mut self, call: &'a ExprCall) -> Value {
        let name = "stop_loss";
        let known = [
            ("percent", true),
            ("amount", false),
            ("multiple", false),
            ("of", false),
            ("trailing", false),
        ];
        let Some(given) = self.given(name, &known, call) else {
            return Value::Unknown;
        };
        let entry = self.entry(name, call);
        let found = self.distance(name, &given, &["percent", "amount", "multiple"], call);
        let (Some(entry), Some((way, at))) = (entry, found) else {
            return Value::Unknown;
        };
        let Some(figure) = self.number(at) else {
            return Value::Unknown;
        };
        let stop_type = match way {
            "percent" => "fixed_percent",
            "amount" => "fixed_amount",
            _ => "atr_multiple",
        };
        let mut data = Map::from_iter([
            ("stopType".to_owned(), json!(stop_type)),
            ("stopValue".to_owned(), figure.json()),
        ]);
        let mut said = vec![("stopValue", way, at.range())];
        let mut inputs = vec![(order_of(entry), "trigger-in")];
        match (way, given.get("of")) {
            ("multiple", Some(of)) => {
                let Some(port) = self.series(of) else {
                    return Value::Unknown;
                };
                inputs.push((port, "atr-in"));
            }
            ("multiple", None) => {
                self.missing(name, "of", call, "say of what: `of=atr(14)`");
                return Value::Unknown;
            }
            (_, Some(of)) => {
                let message = "`of` has no effect without `multiple`";
                return self.error("argument_invalid", of, message, "write `multiple=2`");
            }
            (_, None) => {}
        }
        if let Some(at) = given.get("trailing") {
            let Some(trailing) = self.number(at) else {
                return Value::Unknown;
            };
            data.insert("trailingEnabled".to_owned(), json!(true));
            data.insert("trailingDistance".to_owned(), trailing.json());
            said.push(("trailingDistance", "trailing", at.range()));
        }
        self.term("stopLossNode", "stop", data, inputs, said, call)
    }

    pub(super) fn take_profit(&mut self, call: &'a ExprCall) -> Value {
        let name = "take_profit";
        let known = [("percent", true), ("amount", false), ("risk", false)];
        let Some(given) = self.given(name, &known, call) else {
            return Value::Unknown;
        };
        let entry = self.entry(name, call);
        let found = self.distance(name, &given, &["percent", "amount", "risk"], call);
        let (Some(entry), Some((way, at))) = (entry, found) else {
            return Value::Unknown;
        };
        let profit_type = match way {
            "percent" => "fixed_percent",
            "amount" => "fixed_amount",
            _ => "rr_ratio",
        };
        let mut data = Map::from_iter([("profitType".to_owned(), json!(profit_type))]);
        let said = ["profitValue", "firstTarget", "secondTarget"];
        let said = said.map(|field| (field, way, at.range())).into();
        match self.expression(at) {
            Value::Number(figure) => drop(data.insert("profitValue".to_owned(), figure.json())),
            Value::List(values) => {
                let [Value::Number(first), Value::Number(second)] = values[..] else {
                    let message = "there are two targets or one";
                    return self.error("argument_invalid", at, message, "write `percent=[3, 6]`");
                };
                data.insert("partialProfits".to_owned(), json!(true));
                data.insert("firstTarget".to_owned(), first.json());
                data.insert("secondTarget".to_owned(), second.json());
            }
            other => {
                self.mismatch(
                    at,
                    &other,
                    "a number that is known",
                    "write a number, or a `param`",
                );
                return Value::Unknown;
            }
        }
        let inputs = vec![(order_of(entry), "trigger-in")];
        self.term("takeProfitNode", "target", data, inputs, said, call)
    }

    fn term(
        &mut self,
        kind: &'static str,
        called: &'static str,
        data: Map<String, Json>,
        inputs: Vec<(Port, &'static str)>,
        said: Vec<(&'static str, &'static str, ruff_text_size::TextRange)>,
        call: &ExprCall,
    ) -> Value {
        let node = Node {
            kind,
            data,
            inputs,
            range: call.range(),
            said,
            name: None,
            called,
        };
        match self.add(node, true) {
            Some(_) => Value::Nothing,
            None => Value::Unknown,
        }
    }
}

/// What leaves an order.
fn order_of(node: usize) -> Port {
    Port {
        node,
        handle: "signal-out",
    }
}
