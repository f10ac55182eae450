//! Finds circles without recursion, however deep the graph is.

use super::graph::Graph;
use crate::diagnostic::{Diagnostic, Report, quote};

/// Circles that are reported; each costs a pass over the graph.
const MOST_REPORTED: usize = 10;
/// Nodes that are named of one circle.
const MOST_NAMED: usize = 20;

pub(super) fn check(graph: &Graph, report: &mut Report) {
    let successors = graph.successors();
    let predecessors = graph.predecessors();
    let mut removed = vec![false; graph.nodes.len()];
    for _ in 0..MOST_REPORTED {
        peel(&mut removed, &predecessors, &successors);
        peel(&mut removed, &successors, &predecessors);
        let Some(cycle) = walk(&removed, &successors) else {
            return;
        };
        let named = cycle
            .iter()
            .take(MOST_NAMED)
            .map(|&node| quote(&graph.nodes[node].id));
        let mut names: Vec<String> = named.collect();
        if cycle.len() > MOST_NAMED {
            names.push(format!("… ({} nodes)", cycle.len()));
        }
        let (Some(&first), Some(start)) = (cycle.first(), names.first().cloned()) else {
            return;
        };
        names.push(start);
        let message = format!(
            "the nodes feed each other in a circle: {}",
            names.join(" -> ")
        );
        let problem = Diagnostic::error("cycle", message).node(&graph.nodes[first].id);
        report.push(problem.hint("remove one of these edges"));
        cycle.into_iter().for_each(|node| removed[node] = true);
    }
}

/// Removes, one after the other, the nodes into which nothing is left to lead.
fn peel(removed: &mut [bool], before: &[Vec<usize>], after: &[Vec<usize>]) {
    let mut entering: Vec<usize> = before
        .iter()
        .map(|list| list.iter().filter(|&&node| !removed[node]).count())
        .collect();
    let mut open: Vec<usize> = (0..removed.len())
        .filter(|&node| !removed[node] && entering[node] == 0)
        .collect();
    while let Some(node) = open.pop() {
        removed[node] = true;
        for &next in &after[node] {
            if removed[next] {
                continue;
            }
            entering[next] -= 1;
            if entering[next] == 0 {
                open.push(next);
            }
        }
    }
}

/// Every node that is left leads to another one that is left, so that walking on comes back.
fn walk(removed: &[bool], successors: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut node = removed.iter().position(|gone| !gone)?;
    let mut path = Vec::new();
    let mut place = vec![None; removed.len()];
    loop {
        if let Some(start) = place[node] {
            return Some(path.split_off(start));
        }
        place[node] = Some(path.len());
        path.push(node);
        node = *successors[node].iter().find(|&&next| !removed[next])?;
    }
}
