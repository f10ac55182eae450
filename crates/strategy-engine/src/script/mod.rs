//! Strategies that are written: Python's syntax, a language of its own, lowered into the graph.
//!
//! There is no interpreter. A script is read once, when it is compiled: its functions are inlined,
//! its loops unrolled, and what is left are the nodes that it would have been drawn as.

mod build;
mod call;
mod expression;
mod format;
mod function;
mod order;
mod place;
mod report;
mod statement;
mod syntax;
mod value;
mod write;

use std::collections::{BTreeMap, HashMap};

use ruff_python_ast::StmtFunctionDef;
use serde::Serialize;
use serde_json::Value as Json;
use timeframe::Timeframe;

use crate::compile::{Compilation, compile};
use crate::diagnostic::{Diagnostic, Report};
use crate::plan::{OnGap, WarmUp};
use build::Nodes;
pub use format::format_script;
pub use function::{Argument, Function, SPECIAL, Takes, functions};
use place::Lines;
use value::{Port, Value};
pub use write::write_script;

/// Stack for reading a script: enough for the deepest one that the limits let through.
const STACK: usize = 32 << 20;

/// What came of compiling a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// The plan and everything that was found, at its line and column.
    pub compilation: Compilation,
    /// The graph that it comes to; none where it has errors of its own.
    pub graph: Option<Json>,
    /// What it calls itself.
    pub name: Option<String>,
    /// The timeframe that it is meant for.
    pub timeframe: Option<Timeframe>,
    /// Its parameters, in order.
    pub params: Vec<Param>,
}

/// A parameter of a script.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// What it is unless it is set.
    pub default: ParamValue,
    /// What it was for this compilation.
    pub value: ParamValue,
    /// The least that it may be.
    pub min: Option<f64>,
    /// The most that it may be.
    pub max: Option<f64>,
    /// All that it may be; empty where it isn't limited to a list.
    pub choices: Vec<ParamValue>,
}

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A switch.
    Flag(bool),
    /// A number, as it was written.
    Number(f64),
    /// A text.
    Text(String),
}

/// Compiles a script.
pub fn compile_script(source: &str) -> Script {
    compile_script_with(source, &BTreeMap::new())
}

/// Compiles a script with some of its parameters set, each as text: `14`, `true`, `EST`.
pub fn compile_script_with(source: &str, set: &BTreeMap<String, String>) -> Script {
    // The parser and what it gives are recursive: as deep as a statement is nested.
    stacker::grow(STACK, || Lowering::run(source, set))
}

/// A script that is being read.
struct Lowering<'a> {
    source: &'a str,
    lines: Lines<'a>,
    report: Report,
    nodes: Nodes,
    set: &'a BTreeMap<String, String>,
    params: Vec<Param>,
    name: Option<String>,
    timeframe: Option<Timeframe>,
    on_gap: OnGap,
    warm_up: WarmUp,
    strategy_seen: bool,
    /// Names that were given values: those of the script, and those of the functions that are
    /// being inlined.
    scopes: Vec<HashMap<String, Value>>,
    functions: HashMap<&'a str, &'a StmtFunctionDef>,
    /// The functions that are being inlined.
    inside: Vec<&'a str>,
    /// What has to hold for the statements that are being read.
    conditions: Vec<Held>,
    /// For each block that is being read, the names that are new in it.
    fresh: Vec<Vec<String>>,
    /// The `buy` to which stops and targets of this block belong.
    last_buy: Option<usize>,
    depth: usize,
    steps: usize,
    /// A limit was passed and reported: nothing more is read.
    stopped: bool,
}

/// A condition of a block.
#[derive(Debug, Clone, Copy)]
enum Held {
    Port(Port),
    /// Known when the script is compiled.
    Known(bool),
    /// A switch chose the block, which is as if it stood outside.
    Chosen,
}

impl<'a> Lowering<'a> {
    fn run(source: &str, set: &BTreeMap<String, String>) -> Script {
        let mut report = Report::default();
        let lines = match syntax::within_limits(source) {
            Ok(()) => Lines::of(source),
            Err(problem) => {
                report.push(*problem);
                return Script::refused(report);
            }
        };
        let parsed = syntax::parse(source, &lines, &mut report);
        let mut lowering = Lowering {
            source,
            lines,
            report,
            nodes: Nodes::default(),
            set,
            params: Vec::new(),
            name: None,
            timeframe: None,
            on_gap: OnGap::default(),
            warm_up: WarmUp::default(),
            strategy_seen: false,
            scopes: vec![HashMap::new()],
            functions: HashMap::new(),
            inside: Vec::new(),
            conditions: Vec::new(),
            fresh: Vec::new(),
            last_buy: None,
            depth: 0,
            steps: 0,
            stopped: false,
        };
        lowering.block(&parsed.syntax().body);
        lowering.unknown_params();
        lowering.finish()
    }

    fn finish(mut self) -> Script {
        let had_errors = self.report.has_errors();
        let timeframe = self.timeframe.map(|timeframe| timeframe.to_string());
        let mut graph = self.nodes.graph(self.name.as_deref(), timeframe.as_deref());
        if self.on_gap != OnGap::default() {
            graph["onGap"] = self.on_gap.name().into();
        }
        if self.warm_up != WarmUp::default() {
            graph["warmUp"] = self.warm_up.name().into();
        }
        // Figures out of range are found by the graph's compiler, whatever else is wrong.
        let Compilation { diagnostics, plan } = compile(&graph);
        let ids = self.nodes.ids();
        for diagnostic in diagnostics {
            let of_figures = diagnostic.code.starts_with("field_");
            if !had_errors || of_figures {
                self.located(diagnostic, &ids);
            }
        }
        let plan = plan.filter(|_| !self.report.has_errors());
        Script {
            compilation: Compilation {
                diagnostics: self.report.finish(),
                plan,
            },
            graph: (!had_errors).then_some(graph),
            name: self.name,
            timeframe: self.timeframe,
            params: self.params,
        }
    }
}

impl Script {
    fn refused(report: Report) -> Self {
        Self {
            compilation: Compilation {
                diagnostics: report.finish(),
                plan: None,
            },
            graph: None,
            name: None,
            timeframe: None,
            params: Vec::new(),
        }
    }

    /// Everything that was found.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.compilation.diagnostics
    }
}
