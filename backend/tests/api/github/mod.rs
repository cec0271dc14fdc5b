//! GitHub's hooks: a delivery is accepted when it is signed, and is stored once and applied once, whatever happens meanwhile.

mod applying;
mod receiving;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use hmac::{Hmac, Mac};
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::app::{Answer, App, Person};

/// A work's hook, as it is entered at GitHub.
pub struct Hook {
    pub work: String,
    pub id: String,
    pub secret: String,
}

impl Hook {
    pub async fn make(app: &App, owner: &Person, work: &str) -> Result<Self> {
        let made = app.by(owner, Method::POST, &format!("/v1/works/{work}/github-hooks"), None).await?.expect(201);
        let text = |field: &str| anyhow::Ok(made[field].as_str().context("a field is missing")?.to_owned());
        let (id, secret) = (text("id")?, text("secret")?);
        assert_eq!(made["url"], format!("{}/v1/github-hooks/{id}", app.origin));
        assert_eq!(secret.len(), 64);
        Ok(Self { work: work.to_owned(), id, secret })
    }

    /// Creates the repository's work, and a hook of it.
    pub async fn of(app: &App, owner: &Person) -> Result<Self> {
        let (work, _) = app.describe(owner, "CODE", "Library", "").await?;
        Self::make(app, owner, &work).await
    }

    pub fn work_id(&self) -> i64 {
        self.work.parse().unwrap_or_default()
    }

    pub fn path(&self) -> String {
        format!("/v1/github-hooks/{}", self.id)
    }

    pub fn request(&self, app: &App, event: &str, guid: &str, body: &[u8]) -> RequestBuilder {
        app.request(Method::POST, &self.path())
            .header("X-GitHub-Event", event)
            .header("X-GitHub-Delivery", guid)
            .header("X-Hub-Signature-256", sign(&self.secret, body))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_vec())
    }

    pub async fn send(&self, app: &App, event: &str, guid: &str, payload: &Value) -> Result<Answer> {
        app.send(self.request(app, event, guid, payload.to_string().as_bytes())).await
    }

    /// Delivers a payload, and applies everything that waits.
    pub async fn deliver(&self, app: &App, event: &str, guid: &str, payload: &Value) -> Result<Value> {
        let id = self.send(app, event, guid, payload).await?.expect(202)["id"].clone();
        workers::apply_deliveries(&app.market.pool, &commands::Programs::default(), self.work_id()).await?;
        Ok(id)
    }

    pub fn deliveries(&self) -> String {
        format!("/v1/works/{}/github-deliveries", self.work)
    }

    /// Returns what is shown about a delivery.
    pub async fn shown(&self, app: &App, owner: &Person, id: &Value) -> Result<Value> {
        let path = format!("{}/{}", self.deliveries(), id.as_str().unwrap_or_default());
        Ok(app.by(owner, Method::GET, &path, None).await?.expect(200))
    }

    /// Returns the commits of the work that are recorded, and how many contributions they are.
    pub async fn commits(&self, app: &App) -> Result<(BTreeSet<String>, usize)> {
        let all = app.pages(&format!("/v1/contributions?work={}", self.work), 200).await?;
        let keys = all.iter().filter_map(|one| one["reference"].as_str().map(str::to_owned)).collect();
        Ok((keys, all.len()))
    }
}

pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key fits");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub fn id(number: u32) -> String {
    format!("{number:040x}")
}

pub fn keys(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("git:{}", id(number))).collect()
}

pub fn repository() -> Value {
    json!({
        "id": 35_129_377, "node_id": "R_1", "name": "hello", "full_name": "octo/hello", "private": false, "fork": false,
        "owner": {"name": "octo", "login": "octo", "id": 1, "type": "User"}, "html_url": "https://github.com/octo/hello",
        "created_at": 1_430_869_197, "pushed_at": 1_430_869_217, "default_branch": "main", "topics": [], "license": null
    })
}

pub fn commit(number: u32) -> Value {
    let signer = json!({"name": "Octo Cat", "email": "Octo@Example.org", "username": "octocat"});
    json!({
        "id": id(number), "tree_id": id(number + 1000), "distinct": true, "message": format!("Work {number}"),
        "timestamp": "2024-03-01T13:00:00+01:00", "url": format!("https://github.com/octo/hello/commit/{}", id(number)),
        "author": signer, "committer": signer, "added": ["src/a.rs"], "removed": [], "modified": ["tests/a.rs"]
    })
}

pub fn push(commits: impl IntoIterator<Item = u32>) -> Value {
    let commits: Vec<Value> = commits.into_iter().map(commit).collect();
    let after = commits.last().map_or(json!(id(999)), |commit| commit["id"].clone());
    json!({
        "ref": "refs/heads/main", "before": id(0xbefe), "after": after, "base_ref": null, "created": false, "deleted": false,
        "forced": false, "compare": "https://github.com/octo/hello/compare/a...b", "commits": commits,
        "head_commit": commits.last(), "repository": repository(), "pusher": {"name": "octocat", "email": "octo@example.org"},
        "sender": {"login": "octocat", "id": 1, "type": "User", "site_admin": false}
    })
}

pub fn with(mut value: Value, changes: Value) -> Value {
    for (key, change) in changes.as_object().into_iter().flatten() {
        value[key] = change.clone();
    }
    value
}

pub fn pull_request(action: &str, merged: bool) -> Value {
    json!({
        "action": action, "number": 7, "repository": repository(), "sender": {"login": "bob", "id": 4},
        "pull_request": {
            "html_url": "https://github.com/octo/hello/pull/7", "number": 7, "title": "Fix it", "user": {"login": "ada", "id": 3},
            "merged": merged, "merged_by": null, "merge_commit_sha": id(7), "commits": 3, "additions": 10, "deletions": 4,
            "changed_files": 2, "base": {"ref": "main", "sha": id(1)}, "head": {"ref": "fix", "sha": id(6)}
        }
    })
}
