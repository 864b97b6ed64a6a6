//! `status --watch`: a line for each change.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use kube::api::DynamicObject;
use kube::runtime::watcher::Event;

use super::{now, table};
use crate::cli::failure::Failure;
use crate::cli::find::{self, Wanted};
use crate::cli::kubernetes::Connection;
use crate::cli::screen;
use crate::cli::table::Table;
use crate::cli::watch::{self, Key, Listings, Trouble, key};
use crate::controller::Kind;

/// In place of the reason of an object that is gone.
const GONE: &str = "(deleted)";

/// The lines so far.
struct Lines<'a> {
    wanted: &'a Wanted<'a>,
    table: Table,
    /// The last line of each object, without its age.
    shown: BTreeMap<Key, Vec<String>>,
    listings: Listings,
    begun: bool,
}

/// Prints the table, and a line whenever one of its objects changes, until nobody reads on.
pub(super) async fn watch(connection: &Connection, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let kinds = watch::kinds(connection, wanted).await;
    let mut lines = Lines {
        wanted,
        table: table::header(wanted.all_namespaces),
        shown: BTreeMap::new(),
        listings: Listings::default(),
        begun: false,
    };
    let mut changes = watch::objects(connection, wanted, &kinds);
    let mut trouble = Trouble::default();
    while let Some((kind, change)) = changes.next().await {
        match change {
            Ok(event) => {
                trouble.is_over();
                if !lines.take(kind, event)? {
                    return Ok(());
                }
            }
            Err(error) => trouble.tell(&format!("{}s", find::resource(kind).kind), &error),
        }
    }
    Ok(())
}

impl Lines<'_> {
    /// Whether anybody reads on.
    fn take(&mut self, kind: Kind, event: Event<DynamicObject>) -> Result<bool, Failure> {
        match event {
            Event::Init => self.listings.begin(kind),
            Event::InitApply(object) => {
                self.listings.has(key(&object));
                return self.show(object);
            }
            Event::InitDone => {
                for key in self.listings.end(kind, self.shown.keys()) {
                    if !self.gone(&key)? {
                        return Ok(false);
                    }
                }
            }
            Event::Apply(object) => return self.show(object),
            Event::Delete(object) => return self.gone(&key(&object)),
        }
        Ok(true)
    }

    fn show(&mut self, object: DynamicObject) -> Result<bool, Failure> {
        let key = key(&object);
        if !self.wanted.has(&key.1) {
            return Ok(true);
        }
        let object = match find::typed(object) {
            Ok(object) => object,
            Err(failure) => {
                screen::complain(&failure);
                return Ok(true);
            }
        };
        let cells = table::cells(&object, self.wanted.all_namespaces, now());
        let told = without_age(&cells);
        if self.shown.get(&key) == Some(&told) {
            return Ok(true);
        }
        self.shown.insert(key, told);
        self.print(cells)
    }

    fn gone(&mut self, key: &Key) -> Result<bool, Failure> {
        let Some(mut cells) = self.shown.remove(key) else {
            return Ok(true);
        };
        let reason = if self.wanted.all_namespaces { 3 } else { 2 };
        if let Some(cell) = cells.get_mut(reason) {
            GONE.clone_into(cell);
        }
        cells.push(String::new());
        self.print(cells)
    }

    fn print(&mut self, cells: Vec<String>) -> Result<bool, Failure> {
        self.table.row(cells);
        let text = if self.begun {
            self.table.last()
        } else {
            self.table.render(0)
        };
        self.begun = true;
        screen::show_on(&text)
    }
}

fn without_age(cells: &[String]) -> Vec<String> {
    cells.split_last().map(|(_, told)| told.to_vec()).unwrap_or_default()
}
