//! Finds the places of one file and writes the mutants there.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr};

use crate::Mutant;

/// Something to insert, or to take away.
struct Edit {
    at: usize,
    takes: usize,
    /// Ends stand before beginnings at the same byte, inner ends before outer ones.
    order: (bool, i64, usize),
    text: String,
}

struct Places<'a> {
    source: &'a str,
    /// By kind, line and column of where the list says they begin.
    mutants: HashMap<(&'a str, usize, usize), Vec<&'a Mutant>>,
    consts: &'a HashSet<String>,
    edits: Vec<Edit>,
    depth: i64,
    /// The type whose `impl` this is.
    of: String,
    written: Vec<usize>,
}

/// The file with its mutants in it, and which ones these are.
pub fn write(source: &str, mutants: &[Mutant], consts: &HashSet<String>) -> (String, Vec<usize>) {
    let file = syn::parse_file(source).expect("Rust");
    let mut by_place: HashMap<_, Vec<&Mutant>> = HashMap::new();
    for mutant in mutants {
        by_place.entry((&*mutant.kind, mutant.line, mutant.column)).or_default().push(mutant);
    }
    let mut places = Places {
        source,
        mutants: by_place,
        consts,
        edits: Vec::new(),
        depth: 0,
        of: String::new(),
        written: Vec::new(),
    };
    places.visit_file(&file);
    let Places { mut edits, written, .. } = places;
    edits.sort_by_key(|edit| (edit.at, edit.order));
    let (mut text, mut done) = (String::new(), 0);
    for edit in edits {
        text.push_str(&source[done..edit.at]);
        text.push_str(&edit.text);
        done = edit.at + edit.takes;
    }
    text.push_str(&source[done..]);
    (text, written)
}

impl<'a> Places<'a> {
    fn at(&self, kind: &'static str, start: LineColumn) -> Vec<&'a Mutant> {
        self.mutants.get(&(kind, start.line, start.column)).cloned().unwrap_or_default()
    }

    fn wrap(&mut self, range: &Range<usize>, before: String, after: String) {
        let (depth, count) = (self.depth, self.edits.len());
        self.edits.push(Edit {
            at: range.start,
            takes: 0,
            order: (true, depth, count),
            text: before,
        });
        self.edits.push(Edit {
            at: range.end,
            takes: 0,
            order: (false, -depth, count),
            text: after,
        });
    }

    /// `says` is what each mutant has in the place of `range`.
    fn instead(
        &mut self,
        range: &Range<usize>,
        mutants: &[&Mutant],
        says: impl Fn(&Mutant) -> String,
    ) {
        let Some(first) = mutants.first() else { return };
        let group = first.number;
        let mut before = format!("(/*[{group}*/");
        for mutant in mutants {
            let (n, says) = (mutant.number, says(mutant));
            before += &format!("if crate::mutant::on({n}) {{ /*<{n}*/{says}/*{n}>*/ }} else ");
            self.written.push(n);
        }
        before += "{ ";
        self.wrap(range, before, format!(" }}/*{group}]*/)"));
    }

    fn function(&mut self, sig: &syn::Signature, body: &syn::Block) -> bool {
        let name = if self.of.is_empty() {
            sig.ident.to_string()
        } else {
            format!("{}::{}", self.of, sig.ident)
        };
        if let Some(word) = &sig.constness {
            if self.consts.contains(&name) {
                return false;
            }
            let bytes = word.span().byte_range();
            let order = (true, self.depth, self.edits.len());
            self.edits.push(Edit {
                at: bytes.start,
                takes: bytes.len(),
                order,
                text: String::new(),
            });
        }
        if let Some(first) = body.stmts.first() {
            let mutants = self.at("FnValue", first.span().start());
            let mut text = String::new();
            for mutant in mutants {
                let n = mutant.number;
                let says = &mutant.says;
                text += &format!(
                    "/*[{n}*/if crate::mutant::on({n}) {{ return /*<{n}*/{says}/*{n}>*/; }}/*{n}]*/ "
                );
                self.written.push(n);
            }
            let at = body.brace_token.span.open().byte_range().end;
            let order = (true, self.depth, self.edits.len());
            self.edits.push(Edit { at, takes: 0, order, text });
        }
        true
    }
}

/// A `let` among the terms of an `&&`: there is no other way to say the whole.
fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            has_let(&binary.left) || has_let(&binary.right)
        }
        _ => false,
    }
}

fn bytes(span: Span) -> Range<usize> {
    span.byte_range()
}

impl<'ast> Visit<'ast> for Places<'_> {
    fn visit_expr(&mut self, node: &'ast Expr) {
        self.depth += 1;
        visit::visit_expr(self, node);
        self.depth -= 1;
    }

    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        if !has_let(&node.left) && !has_let(&node.right) {
            let mutants = self.at("BinaryOperator", node.op.span().start());
            let (all, op) = (bytes(node.span()), bytes(node.op.span()));
            let source = self.source;
            self.instead(&all, &mutants, |mutant| {
                let (left, right) = (&source[all.start..op.start], &source[op.end..all.end]);
                format!("{left}{}{right}", mutant.says)
            });
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast syn::ExprUnary) {
        let mutants = self.at("UnaryOperator", node.op.span().start());
        let (all, inner) = (bytes(node.span()), bytes(node.expr.span()));
        let source = self.source;
        self.instead(&all, &mutants, |_| source[inner.clone()].to_owned());
        visit::visit_expr_unary(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'ast syn::ExprStruct) {
        if let Some(rest) = &node.rest {
            let rest = &self.source[bytes(rest.span())];
            for field in &node.fields {
                let mutants = self.at("StructField", field.span().start());
                let syn::Member::Named(name) = &field.member else { continue };
                if field.colon_token.is_some() {
                    self.instead(&bytes(field.expr.span()), &mutants, |_| {
                        format!("({rest}).{name}")
                    });
                }
            }
        }
        visit::visit_expr_struct(self, node);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        self.depth += 1;
        let gone = self.at("MatchArm", node.span().start());
        let gone: String = gone
            .iter()
            .map(|mutant| {
                self.written.push(mutant.number);
                format!("!crate::mutant::on({})", mutant.number)
            })
            .collect::<Vec<_>>()
            .join(" && ");
        if let Some((_, guard)) = &node.guard {
            let range = bytes(guard.span());
            if !gone.is_empty() {
                self.wrap(&range, format!("{gone} && ("), ")".to_owned());
                self.depth += 1;
            }
            let mutants = self.at("MatchArmGuard", guard.span().start());
            self.instead(&range, &mutants, |mutant| mutant.says.clone());
        } else if !gone.is_empty() {
            let end = bytes(node.pat.span()).end;
            let order = (false, -self.depth, self.edits.len());
            self.edits.push(Edit { at: end, takes: 0, order, text: format!(" if {gone}") });
        }
        visit::visit_arm(self, node);
        self.depth -= 1;
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        let of = std::mem::take(&mut self.of);
        if self.function(&node.sig, &node.block) {
            visit::visit_item_fn(self, node);
        }
        self.of = of;
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        if self.function(&node.sig, &node.block) {
            visit::visit_impl_item_fn(self, node);
        }
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if node.default.as_ref().is_none_or(|body| self.function(&node.sig, body)) {
            visit::visit_trait_item_fn(self, node);
        }
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let name = match &*node.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let of = std::mem::replace(&mut self.of, name.unwrap_or_default());
        visit::visit_item_impl(self, node);
        self.of = of;
    }

    // What the compiler computes asks nothing at run time.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
    }
}
