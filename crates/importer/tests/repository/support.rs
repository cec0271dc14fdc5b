//! Small real repositories, made with `git` and without the machine's configuration.

use std::{fs, path::Path, process::Command};

use importer::{ImportError, Options, Person, Repository, Use, User, read};
use tempfile::TempDir;

/// A repository in a temporary folder.
pub struct Repo {
    pub folder: TempDir,
    seconds: u64,
}

impl Repo {
    pub fn new() -> Self {
        let repo = Self { folder: TempDir::new().unwrap(), seconds: 1_700_000_000 };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_as("Ada <ada@example.org>", arguments)
    }

    pub fn git_as(&self, who: &str, arguments: &[&str]) -> String {
        self.git_by(who, who, arguments)
    }

    fn git_by(&self, author: &str, committer: &str, arguments: &[&str]) -> String {
        let parts = |who: &str| {
            let (name, email) = who.split_once(" <").unwrap();
            (name.to_owned(), email.trim_end_matches('>').to_owned())
        };
        let date = format!("{} +0000", self.seconds);
        let mut command = git(self.path());
        let (name, email) = parts(author);
        command.env("GIT_AUTHOR_NAME", name).env("GIT_AUTHOR_EMAIL", email).env("GIT_AUTHOR_DATE", &date);
        let (name, email) = parts(committer);
        command.env("GIT_COMMITTER_NAME", name).env("GIT_COMMITTER_EMAIL", email).env("GIT_COMMITTER_DATE", &date);
        let output = command.args(["-c", "protocol.file.allow=always"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn write(&mut self, path: &str, content: impl AsRef<[u8]>) -> &mut Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Commits everything in the work tree, and returns the id.
    pub fn commit(&mut self, message: &str) -> String {
        self.commit_as("Ada <ada@example.org>", message)
    }

    pub fn commit_as(&mut self, who: &str, message: &str) -> String {
        self.seconds += 60;
        self.git_as(who, &["add", "--all"]);
        self.git_as(who, &["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits everything as somebody else than who wrote it.
    pub fn commit_with(&mut self, author: &str, committer: &str, message: &str) -> String {
        self.seconds += 60;
        self.git(&["add", "--all"]);
        self.git_by(author, committer, &["commit", "--quiet", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Creates a repository of one commit with these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut repo = Self::new();
        for (path, content) in files {
            repo.write(path, content);
        }
        repo.commit("first");
        repo
    }

    pub fn read(&self) -> Repository {
        self.read_with(&Options::default())
    }

    pub fn read_with(&self, options: &Options) -> Repository {
        read(self.path(), options, &mut |_| {}).unwrap()
    }

    pub fn fail(&self) -> ImportError {
        read(self.path(), &Options::default(), &mut |_| {}).unwrap_err()
    }
}

/// Returns `git` without the machine's configuration.
pub fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_AUTHOR_NAME", "x").env("GIT_AUTHOR_EMAIL", "x@x").env_remove("GIT_DIR");
    command
}

/// Returns the links as `root>to*weight` and `from>to`, with package URLs without `pkg:`.
pub fn links(repository: &Repository) -> Vec<String> {
    let short = |purl: &str| purl.trim_start_matches("pkg:").to_owned();
    let link = |Use { from, to, weight }: &Use| match from {
        User::Root => format!("root>{}*{weight}", short(to)),
        User::External(from) => format!("{}>{}", short(from), short(to)),
    };
    repository.uses.iter().map(link).collect()
}

/// Returns the package URLs.
pub fn purls(repository: &Repository) -> Vec<&str> {
    repository.externals.iter().map(|external| &*external.purl).collect()
}

/// Returns the identities of a commit's authors.
pub fn authors(repository: &Repository, commit: usize) -> Vec<&str> {
    repository.commits[commit].authors.iter().map(|person| &*repository.people[*person].identity).collect()
}

pub fn person<'a>(repository: &'a Repository, identity: &str) -> &'a Person {
    repository.people.iter().find(|person| person.identity == identity).unwrap()
}

pub fn warned(repository: &Repository, part: &str) -> bool {
    repository.warnings.iter().any(|warning| warning.contains(part))
}
