//! Embeds the built pages' scripts from `ui/dist`, or, where they were not built, the plain CSS and
//! pictures from `ui/src`: the edition without scripts. Never touches the network, never runs npm.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told what to build through the environment"
)]

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let ui = root.join("../../ui");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=locales");
    println!("cargo:rerun-if-env-changed=VIRGA_UI");
    println!("cargo:rerun-if-env-changed=VIRGA_UI_DIST");
    let dist = env::var("VIRGA_UI_DIST").map_or_else(|_| ui.join("dist"), PathBuf::from);

    let assets = if dist.join("manifest.json").is_file() {
        watch(&dist)?;
        built(&dist)?
    } else {
        if env::var("VIRGA_UI").is_ok_and(|value| value == "required") {
            return Err(io::Error::other(
                "VIRGA_UI=required, but ui/dist is not built: run `make ui`",
            ));
        }
        println!(
            "cargo:warning=ui/dist is not built: pages come without scripts (`make ui` builds them)"
        );
        // A missing path would mark every build as changed; the folder above it does not.
        println!("cargo:rerun-if-changed={}", ui.display());
        plain(&ui.join("src"), &out)?
    };
    fs::write(out.join("assets.rs"), table(&assets)?)
}

/// One file to embed: its name in pages, its hashed name in URLs, its bytes on disk.
struct Asset {
    name: String,
    hashed: String,
    file: PathBuf,
    gzip: Option<PathBuf>,
}

fn watch(folder: &Path) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        println!("cargo:rerun-if-changed={}", entry?.path().display());
    }
    Ok(())
}

/// The files of `ui/dist`: `name.HASH.ext`, perhaps with a `.gz` beside it.
fn built(dist: &Path) -> io::Result<Vec<Asset>> {
    let mut assets = BTreeMap::new();
    for entry in fs::read_dir(dist)? {
        let file = entry?.path();
        let Some(hashed) = file.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_copy = Path::new(hashed).extension().is_some_and(|ext| ext == "gz");
        let mut parts = hashed.splitn(3, '.');
        let (Some(stem), Some(_), Some(ext), false) =
            (parts.next(), parts.next(), parts.next(), is_copy)
        else {
            continue;
        };
        let gzip = dist.join(format!("{hashed}.gz"));
        assets.insert(
            hashed.to_owned(),
            Asset {
                name: format!("{stem}.{ext}"),
                hashed: hashed.to_owned(),
                gzip: gzip.is_file().then_some(gzip),
                file,
            },
        );
    }
    Ok(assets.into_values().collect())
}

/// The style sheet's source files in order, as one file, and the pictures.
fn plain(src: &Path, out: &Path) -> io::Result<Vec<Asset>> {
    let mut sheets: Vec<PathBuf> = fs::read_dir(src.join("css"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    sheets.sort();
    let mut css = String::new();
    for sheet in sheets {
        css.push_str(&fs::read_to_string(sheet)?);
    }
    let sheet = out.join("virga.css");
    fs::write(&sheet, css)?;
    let mut files = vec![("virga.css".to_owned(), sheet)];
    for entry in fs::read_dir(src.join("img"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, entry.path()));
    }
    files.sort();
    files
        .into_iter()
        .map(|(name, file)| {
            let hash = fnv(&fs::read(&file)?);
            let (stem, ext) = name.split_once('.').unwrap_or((&name, ""));
            Ok(Asset {
                name: name.clone(),
                hashed: format!("{stem}.{hash:016x}.{ext}"),
                file,
                gzip: None,
            })
        })
        .collect()
}

/// FNV-1a, 64 bits: names content, guards nothing.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn table(assets: &[Asset]) -> io::Result<String> {
    let mut code = String::from("pub(crate) static ASSETS: &[Asset] = &[\n");
    for asset in assets {
        let gzip = asset.gzip.as_ref().map_or_else(
            || "None".to_owned(),
            |file| format!("Some(include_bytes!({:?}))", file.display().to_string()),
        );
        writeln!(
            code,
            "Asset {{ name: {:?}, hashed: {:?}, bytes: include_bytes!({:?}), gzip: {gzip} }},",
            asset.name,
            asset.hashed,
            asset.file.canonicalize()?.display().to_string(),
        )
        .map_err(io::Error::other)?;
    }
    code.push_str("];\n");
    Ok(code)
}
