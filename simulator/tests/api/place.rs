//! Where a test runs: tests are written for one region and account, and can be run as they are in others.

use std::cell::Cell;

/// A region and an account, with what is different there.
#[derive(Debug)]
pub(crate) struct Place {
    region: &'static str,
    account: &'static str,
    key_id: &'static str,
    hosted_zone: &'static str,
    log_account: &'static str,
    local_zone: &'static str,
}

const fn place(
    (account, key_id): (&'static str, &'static str),
    [region, hosted_zone, log_account, local_zone]: [&'static str; 4],
) -> Place {
    Place {
        region,
        account,
        key_id,
        hosted_zone,
        log_account,
        local_zone,
    }
}

const FIRST: (&str, &str) = ("123456789012", "AKIDEXAMPLE");
const SECOND: (&str, &str) = ("444444444444", "AKIDELSEWHERE");
const VIRGINIA: [&str; 4] = ["us-east-1", "Z35SXDOTRQ7X7K", "127311923021", "us-east-1-bos-1a"];
const OREGON: [&str; 4] = ["us-west-2", "Z1H1FL5HABSF5", "797873946194", "us-west-2-lax-1a"];
const FRANKFURT: [&str; 4] = ["eu-central-1", "Z215JYRZR1TBD5", "054676820928", "eu-central-1-ham-1a"];

/// The first is the one that tests are written for.
static PLACES: [Place; 6] = [
    place(FIRST, VIRGINIA),
    place(FIRST, OREGON),
    place(FIRST, FRANKFURT),
    place(SECOND, VIRGINIA),
    place(SECOND, OREGON),
    place(SECOND, FRANKFURT),
];

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// Runs a test in three regions of two accounts.
pub(crate) fn everywhere(test: impl Fn()) {
    for number in 0..PLACES.len() {
        HERE.set(number);
        test();
    }
    HERE.set(0);
}

/// The key of the second account, its secret and the account.
pub(crate) fn second_key() -> (String, aws_simulator::AccessKey) {
    let key = aws_simulator::AccessKey {
        secret: "elsewhere".to_owned(),
        account: SECOND.0.to_owned(),
    };
    (SECOND.1.to_owned(), key)
}

impl Place {
    /// Where the tests of this thread run.
    pub(crate) fn here() -> &'static Self {
        &PLACES[HERE.get()]
    }

    fn pairs(&self) -> [(&'static str, &'static str); 6] {
        let home = &PLACES[0];
        [
            (home.local_zone, self.local_zone),
            (home.region, self.region),
            (home.account, self.account),
            (home.key_id, self.key_id),
            (home.hosted_zone, self.hosted_zone),
            (home.log_account, self.log_account),
        ]
    }

    /// What a test says, as it has to be said here.
    pub(crate) fn there(&self, text: &str) -> String {
        self.pairs()
            .iter()
            .fold(text.to_owned(), |text, (home, here)| text.replace(home, here))
    }

    /// What is said here, as a test expects it.
    pub(crate) fn home(&self, text: &str) -> String {
        self.pairs()
            .iter()
            .fold(text.to_owned(), |text, (home, here)| text.replace(here, home))
    }
}

/// Makes tests of functions that are run in three regions of two accounts.
macro_rules! everywhere {
    ($($name:ident),+ $(,)?) => {
        mod everywhere {
            $(
                #[test]
                fn $name() {
                    crate::place::everywhere(super::$name);
                }
            )+
        }
    };
}
