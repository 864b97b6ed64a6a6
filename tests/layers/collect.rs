//! What the items of a module define, import and name, read from the syntax tree.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Meta, Stmt, Token, UseTree, Visibility};

use crate::facts::{Facts, Function, Import, Mention, Wait};
use crate::tokens;

/// Reads the items of a module, without its modules and without what is compiled for tests alone.
pub(crate) fn collect(items: &[Item]) -> Facts {
    let mut collector = Collector::default();
    for item in items.iter().filter(|item| !is_test(attributes(item))) {
        match item {
            Item::Mod(_) => continue,
            Item::Macro(call) if call.ident.is_none() => words(&call.mac.tokens, &mut collector.facts.generated),
            _ => collector.facts.items.extend(defined(item)),
        }
        collector.visit_item(item);
    }
    collector.facts
}

/// Whether something is compiled for tests alone: `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        if !attribute.path().is_ident("cfg") {
            return false;
        }
        match attribute.parse_args::<Meta>() {
            Ok(Meta::Path(path)) => path.is_ident("test"),
            Ok(Meta::List(list)) if list.path.is_ident("all") => list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|all| all.iter().any(|one| one.path().is_ident("test"))),
            _ => false,
        }
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines, other than by `use` and `mod`.
fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Every word of a macro's input: each may be the name of something that it defines.
fn words(tokens: &TokenStream, into: &mut BTreeSet<String>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(word) => {
                into.insert(word.to_string());
            }
            TokenTree::Group(group) => words(&group.stream(), into),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[derive(Default)]
struct Collector {
    facts: Facts,
    /// What the functions around this place bind: their arguments and variables.
    bound: Vec<BTreeSet<String>>,
}

impl Collector {
    fn mention(&mut self, path: &syn::Path, is_macro: bool) {
        let Some(first) = path.segments.first() else { return };
        let mention = Mention {
            path: path.segments.iter().map(|segment| segment.ident.to_string()).collect(),
            is_global: path.leading_colon.is_some(),
            is_macro,
            line: first.ident.span().start().line,
        };
        self.keep(mention);
    }

    fn keep(&mut self, mention: Mention) {
        let is_variable = mention.path.len() == 1
            && !mention.is_macro
            && self.bound.iter().any(|names| names.contains(&mention.path[0]));
        if !is_variable {
            self.facts.mentions.push(mention);
        }
    }

    fn tokens(&mut self, tokens: &TokenStream) {
        let found = tokens::scan(tokens);
        self.facts.waits.extend(found.waits);
        for mention in found.mentions {
            self.keep(mention);
        }
    }

    fn waits(&mut self, line: usize, what: &str) {
        self.facts.waits.push(Wait {
            line,
            what: what.to_owned(),
        });
    }

    /// A function and what stands in it.
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block, inside: impl FnOnce(&mut Self)) {
        let line = signature.fn_token.span.start().line;
        self.facts.functions.push(Function {
            name: signature.ident.to_string(),
            line,
            lines: body.brace_token.span.close().end().line + 1 - line,
        });
        let mut names = Names::default();
        names.visit_signature(signature);
        names.visit_block(body);
        self.bound.push(names.0);
        inside(self);
        self.bound.pop();
    }

    fn import(&mut self, tree: &UseTree, mut path: Vec<String>, import: &Import) {
        let (name, line) = match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                return self.import(&step.tree, path, import);
            }
            UseTree::Group(group) => {
                for one in &group.items {
                    self.import(one, path.clone(), import);
                }
                return;
            }
            UseTree::Glob(glob) => (None, glob.star_token.span.start().line),
            UseTree::Name(leaf) => {
                if leaf.ident != "self" || path.is_empty() {
                    path.push(leaf.ident.to_string());
                }
                (path.last().cloned(), leaf.ident.span().start().line)
            }
            UseTree::Rename(leaf) => {
                if leaf.ident != "self" || path.is_empty() {
                    path.push(leaf.ident.to_string());
                }
                (Some(leaf.rename.to_string()), leaf.rename.span().start().line)
            }
        };
        self.facts.imports.push(Import {
            name,
            path,
            line,
            ..*import
        });
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Fn(item) => &item.attrs[..],
            ImplItem::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if !matches!(statement, Stmt::Local(local) if is_test(&local.attrs)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let import = Import {
            name: None,
            path: Vec::new(),
            is_global: item.leading_colon.is_some(),
            is_reexport: !matches!(item.vis, Visibility::Inherited),
            is_local: !self.bound.is_empty(),
            line: 0,
        };
        self.import(&item.tree, Vec::new(), &import);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let Some(name) = &item.ident else {
            return self.visit_macro(&item.mac);
        };
        let found = tokens::scan(&item.mac.tokens);
        self.facts.waits.extend(found.waits);
        let (absolute, relative) = found
            .mentions
            .into_iter()
            .partition(|mention| mention.path[0] == "crate");
        self.facts.mentions.extend::<Vec<Mention>>(absolute);
        self.facts.macros.insert(name.to_string(), relative);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block, |inside| visit::visit_item_fn(inside, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block, |inside| visit::visit_impl_item_fn(inside, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        match &item.default {
            Some(body) => self.function(&item.sig, body, |inside| visit::visit_trait_item_fn(inside, item)),
            None => visit::visit_trait_item_fn(self, item),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention(path, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.mention(&call.path, true);
        self.tokens(&call.tokens);
    }

    /// Where something is visible is no use of it.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    /// The name of a constant in a pattern looks like a variable that is bound there.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = pattern.ident.to_string();
        if name.starts_with(char::is_uppercase) {
            self.facts.mentions.push(Mention {
                path: vec![name],
                is_global: false,
                is_macro: false,
                line: pattern.ident.span().start().line,
            });
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return; // prose may name anything
        }
        match &attribute.meta {
            Meta::List(list) => {
                self.mention(&list.path, false);
                self.tokens(&list.tokens);
                self.facts.mentions.extend(tokens::quoted(&list.tokens));
            }
            meta => visit::visit_meta(self, meta),
        }
    }

    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.tokens(tokens);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(word) = &signature.asyncness {
            self.waits(word.span.start().line, "async");
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.waits(block.async_token.span.start().line, "async");
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if let Some(word) = &closure.asyncness {
            self.waits(word.span.start().line, "async");
        }
        visit::visit_expr_closure(self, closure);
    }

    fn visit_expr_await(&mut self, wait: &'ast syn::ExprAwait) {
        self.waits(wait.await_token.span.start().line, ".await");
        visit::visit_expr_await(self, wait);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let name = call.method.to_string();
        if tokens::CLOCK_METHODS.contains(&name.as_str()) {
            self.waits(call.method.span().start().line, &format!(".{name}()"));
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// The names that patterns bind.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = pattern.ident.to_string();
        if !name.starts_with(char::is_uppercase) {
            self.0.insert(name);
        }
        visit::visit_pat_ident(self, pattern);
    }
}
