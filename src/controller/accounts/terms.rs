//! Pure: what an account grants to an object.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;

use super::view::AccountView;
use crate::api::message::{self, Message};
use crate::api::{AWSAccount, AWSAccountSpec, ClassicLoadBalancerSpec, NamespacesFrom, Permission, Scheme, reason};
use crate::aws::Role;
use crate::controller::reconcile::mode::Rules;
use crate::controller::selector::Labels;
use crate::plan::adoption::Adoption;
use crate::plan::allow::{Allowance, filled_in, listed};
use crate::plan::{Problem, Track};

/// What an account grants to an object.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Terms {
    /// The account; `None`: that of the operator's own identity.
    account: Option<Arc<AWSAccount>>,
    namespace: String,
    /// Which existing load balancers are taken over.
    pub(in crate::controller) adoption: Adoption,
    /// Which load balancers of others objects may register instances with.
    pub(in crate::controller) binding: Permission,
    /// Tags of every load balancer; those of an object win over them.
    pub(in crate::controller) default_tags: BTreeMap<String, String>,
}

impl Terms {
    /// Those of the account that a spec refers to.
    ///
    /// # Errors
    /// When there is no such account, or it is not for this namespace.
    pub(in crate::controller) fn of(
        spec: &ClassicLoadBalancerSpec,
        namespace: &str,
        view: &AccountView,
        rules: &Rules,
    ) -> Result<Self, Problem> {
        let mut terms = Self {
            account: None,
            namespace: namespace.to_owned(),
            adoption: rules.adoption,
            binding: rules.binding,
            default_tags: rules.default_tags.clone(),
        };
        let Some(reference) = &spec.account_ref else {
            let required = rules.requires_account.then(message::account_required);
            return required.map_or(Ok(terms), |message| Err(problem(message)));
        };
        let account = view.find(&reference.name).map_err(problem)?;
        is_for_namespace(&account, namespace, view).map_err(problem)?;
        terms.adoption = account.spec.adoption.map_or(rules.adoption, adoption);
        terms.binding = account.spec.binding.unwrap_or(rules.binding);
        let tags = account.spec.default_tags.iter().flatten();
        terms
            .default_tags
            .extend(tags.map(|(key, value)| (key.clone(), filled_in(value, namespace))));
        terms.account = Some(account);
        Ok(terms)
    }

    /// Whether load balancers may be in a region.
    ///
    /// # Errors
    /// When they may not.
    pub(in crate::controller) fn check_region(&self, region: &str) -> Result<(), Problem> {
        let Some(account) = &self.account else { return Ok(()) };
        match account.spec.regions.as_deref() {
            None | Some([]) => Ok(()),
            Some(regions) if regions.iter().any(|allowed| allowed == region) => Ok(()),
            Some(regions) => {
                let message = message::region_not_allowed(account.name_any(), region, regions.join(", "));
                Err(problem(message))
            }
        }
    }

    /// Whether load balancers may have a scheme.
    ///
    /// # Errors
    /// When they may not.
    pub(in crate::controller) fn check_scheme(&self, scheme: Scheme) -> Result<(), Problem> {
        self.account
            .as_ref()
            .map_or(Ok(()), |account| is_for_scheme(account, scheme))
            .map_err(problem)
    }

    /// The role to assume.
    pub(in crate::controller) fn role(&self) -> Option<Role> {
        role_of(&self.account.as_ref()?.spec)
    }

    /// Name and id of the account, where the object refers to one.
    pub(in crate::controller) fn account(&self) -> Option<(String, &str)> {
        let account = self.account.as_ref()?;
        Some((account.name_any(), &account.spec.account_id))
    }

    /// What of the account the object may use; `None`: everything.
    pub(in crate::controller) fn allowance(&self) -> Option<Allowance<'_>> {
        let account = self.account.as_ref()?;
        let allow = account.spec.allow.as_ref()?;
        Some(Allowance::new(account.name_any(), allow, &self.namespace))
    }
}

/// The role that leads into an account; `None`: the operator's own identity does.
pub(in crate::controller) fn role_of(spec: &AWSAccountSpec) -> Option<Role> {
    Some(Role {
        arn: spec.role_arn.clone()?,
        external_id: spec.external_id.clone(),
        session_name: spec.session_name.clone(),
        rate_share: spec.rate_share.and_then(|percent| percent.try_into().ok()),
    })
}

/// A problem with an account, of the kind that its reason says.
fn problem(message: Message) -> Problem {
    if message.reason() == reason::ACCOUNT_NOT_ALLOWED {
        Problem::blocked(message)
    } else {
        Problem::missing(Track::LoadBalancer, message)
    }
}

fn is_for_namespace(account: &AWSAccount, namespace: &str, view: &AccountView) -> Result<(), Message> {
    let namespaces = &account.spec.namespaces;
    if namespaces.from == NamespacesFrom::All {
        return Ok(());
    }
    let name = account.name_any();
    let unclear = |why: String| message::account_not_ready(&name, why);
    let Some(selector) = &namespaces.selector else {
        // The API server refuses it. What is not there opens the account to nobody.
        return Err(message::namespace_not_allowed(&name, namespace));
    };
    let selector = Labels::of(selector).map_err(|why| unclear(message::bad_namespace_selector(why)))?;
    let labels = view.labels(namespace).map_err(unclear)?;
    if selector.matches(&labels) {
        return Ok(());
    }
    Err(message::namespace_not_allowed(&name, namespace))
}

fn is_for_scheme(account: &AWSAccount, scheme: Scheme) -> Result<(), Message> {
    let text = |scheme: &Scheme| match scheme {
        Scheme::InternetFacing => "internet-facing",
        Scheme::Internal => "internal",
    };
    match account.spec.schemes.as_deref() {
        None => Ok(()),
        // One that server-side apply has emptied lets nothing in.
        Some(schemes) if schemes.contains(&scheme) => Ok(()),
        Some(schemes) => {
            let schemes = listed(schemes.iter().map(text));
            Err(message::scheme_not_allowed(account.name_any(), text(&scheme), schemes))
        }
    }
}

fn adoption(permission: Permission) -> Adoption {
    match permission {
        Permission::Never => Adoption::Never,
        Permission::Tagged => Adoption::Tagged,
        Permission::Any => Adoption::Any,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;
    use kube::core::{DeserializeGuard, PartialObjectMetaExt as _};
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::api::AccountRef;

    /// A view that knows the namespaces `shop` (team: shop) and `web`, and an account of these lines.
    fn view(lines: &str) -> AccountView {
        let view = AccountView::default();
        let spec: AWSAccountSpec = serde_saphyr::from_str(lines).expect("a spec");
        view.take_account(&Event::Init);
        view.take_account(&Event::InitApply(DeserializeGuard(Ok(AWSAccount::new("prod", spec)))));
        view.take_account(&Event::InitDone);
        view.take_namespace(&Event::Init);
        for (name, labels) in [("shop", vec![("team", "shop")]), ("web", vec![])] {
            let meta = kube::core::ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
                ..kube::core::ObjectMeta::default()
            };
            view.take_namespace(&Event::InitApply(meta.into_response_partial::<Namespace>()));
        }
        view.take_namespace(&Event::InitDone);
        view
    }

    fn spec(account: Option<&str>) -> ClassicLoadBalancerSpec {
        ClassicLoadBalancerSpec {
            account_ref: account.map(|name| AccountRef { name: name.to_owned() }),
            ..ClassicLoadBalancerSpec::default()
        }
    }

    fn refusal(account: Option<&str>, namespace: &str, lines: &str, rules: &Rules) -> Option<(String, String)> {
        let terms = Terms::of(&spec(account), namespace, &view(lines), rules);
        let problem = terms.err()?;
        Some((problem.message.reason().to_owned(), problem.message.text().to_owned()))
    }

    const FOR_SHOP: &str =
        "accountId: '111122223333'\nnamespaces: {from: Selector, selector: {matchLabels: {team: shop}}}\n";

    #[test]
    fn an_account_is_for_the_namespaces_that_it_selects() {
        let rules = Rules::default();
        assert_eq!(refusal(Some("prod"), "shop", FOR_SHOP, &rules), None);
        let (reason, text) = refusal(Some("prod"), "web", FOR_SHOP, &rules).expect("refused");
        assert!(
            reason == "AccountNotAllowed" && text.contains("prod") && text.contains("web"),
            "{text}"
        );
        let (reason, _) = refusal(Some("prod"), "new", FOR_SHOP, &rules).expect("not known yet");
        assert_eq!(reason, "AccountNotReady");
        let (reason, _) = refusal(Some("test"), "shop", FOR_SHOP, &rules).expect("not there");
        assert_eq!(reason, "AccountNotFound");
    }

    #[test]
    fn the_own_account_is_for_everybody_unless_it_is_switched_off() {
        let mut rules = Rules::default();
        assert_eq!(refusal(None, "web", FOR_SHOP, &rules), None);
        rules.requires_account = true;
        let (reason, text) = refusal(None, "web", FOR_SHOP, &rules).expect("refused");
        assert!(
            reason == "AccountNotAllowed" && text.contains("--default-account"),
            "{text}"
        );
        assert_eq!(refusal(Some("prod"), "shop", FOR_SHOP, &rules), None);
    }

    #[test]
    fn an_account_has_regions_schemes_tags_and_an_adoption_of_its_own() {
        let lines = format!(
            "{FOR_SHOP}schemes: [internal]\nregions: [eu-west-1]\nadoption: Never\ndefaultTags: {{team: $(namespace), a: account}}\n"
        );
        let rules = Rules {
            default_tags: [("a", "operator"), ("b", "operator")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ..Rules::default()
        };
        let terms = Terms::of(&spec(Some("prod")), "shop", &view(&lines), &rules).expect("granted");
        assert!(terms.check_scheme(Scheme::Internal).is_ok());
        let text = terms
            .check_scheme(Scheme::InternetFacing)
            .expect_err("internal ones only")
            .message;
        assert!(
            text.text().contains("spec.scheme") && text.text().contains("internal"),
            "{text}"
        );
        assert_eq!(terms.adoption, Adoption::Never);
        let tags: Vec<_> = terms.default_tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(tags, ["a=account", "b=operator", "team=shop"]);
        assert!(terms.check_region("eu-west-1").is_ok());
        let text = terms.check_region("us-east-1").expect_err("elsewhere").message;
        assert!(text.text().contains("eu-west-1"), "{text}");

        let emptied = format!("{FOR_SHOP}schemes: null\n");
        let terms = Terms::of(&spec(Some("prod")), "shop", &view(&emptied), &rules).expect("granted");
        let text = terms.check_scheme(Scheme::Internal).expect_err("none").message;
        assert!(text.text().contains("whose spec.schemes are none"), "{text}");
    }
}
