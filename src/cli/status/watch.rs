//! `status --watch`: a line for each change.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};

use super::{now, table};
use crate::api::ClassicLoadBalancer;
use crate::cli::failure::Failure;
use crate::cli::find::{self, Wanted};
use crate::cli::kubernetes::Connection;
use crate::cli::screen;
use crate::cli::table::Table;

/// In place of the reason of an object that is gone.
const GONE: &str = "(deleted)";

/// The lines so far.
struct Lines<'a> {
    wanted: &'a Wanted<'a>,
    table: Table,
    /// The last line of each object, without its age.
    shown: BTreeMap<(String, String), Vec<String>>,
    /// Objects of a list that is under way: those that are not in it were deleted meanwhile.
    listing: Option<Vec<(String, String)>>,
    begun: bool,
}

/// Prints the table, and a line whenever one of its objects changes, until nobody reads on.
pub(super) async fn watch(connection: &Connection, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let resource = ApiResource::erase::<ClassicLoadBalancer>(&());
    let client = connection.client.clone();
    let api: Api<DynamicObject> = if wanted.all_namespaces {
        Api::all_with(client, &resource)
    } else {
        Api::namespaced_with(client, &connection.namespace, &resource)
    };
    let mut config = watcher::Config::default();
    if let Some(labels) = wanted.selector {
        config = config.labels(labels);
    }
    let mut lines = Lines {
        wanted,
        table: table::header(wanted.all_namespaces),
        shown: BTreeMap::new(),
        listing: None,
        begun: false,
    };
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let mut said = String::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                said.clear();
                if !lines.take(event)? {
                    return Ok(());
                }
            }
            // The watch goes on by itself when the API server is back, and that is told once.
            Err(error) => {
                let failure = Failure::new(format!("watching ClassicLoadBalancers: {error}; trying again"));
                if said != failure.to_string() {
                    said = failure.to_string();
                    screen::complain(&failure);
                }
            }
        }
    }
    Ok(())
}

impl Lines<'_> {
    /// Whether anybody reads on.
    fn take(&mut self, event: Event<DynamicObject>) -> Result<bool, Failure> {
        match event {
            Event::Init => self.listing = Some(Vec::new()),
            Event::InitApply(object) => {
                let key = key(&object);
                if let Some(listing) = &mut self.listing {
                    listing.push(key);
                }
                return self.show(object);
            }
            Event::InitDone => {
                let seen = self.listing.take().unwrap_or_default();
                let missed: Vec<_> = self.shown.keys().filter(|key| !seen.contains(key)).cloned().collect();
                for key in missed {
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
        if !self.wanted.names.is_empty() && !self.wanted.names.contains(&object.name_any()) {
            return Ok(true);
        }
        let key = key(&object);
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

    fn gone(&mut self, key: &(String, String)) -> Result<bool, Failure> {
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
        screen::print_on(&text)
    }
}

fn key(object: &DynamicObject) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn without_age(cells: &[String]) -> Vec<String> {
    cells.split_last().map(|(_, told)| told.to_vec()).unwrap_or_default()
}
