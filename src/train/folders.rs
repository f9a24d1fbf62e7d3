//! Pictures on disk: a folder for each class, or a mask for each picture. They are read when their turn comes, by the loader's threads.

use super::Dataset;
use super::frame::{Frame, Part, size};
use super::mask::{VOID, read_mask};
use crate::array::picture;
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Pictures whose class is the folder that they lie in, torchvision's `ImageFolder`: `image`, f32 (channels, h, w) of 0..1, and `label`, one i32.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    frame: Frame,
    classes: Vec<String>,
    pictures: Vec<(PathBuf, i32)>,
}

impl ImageFolder {
    /// Of all folders in `folder`, one for each class; classes are numbered in the order of their names.
    ///
    /// # Errors
    /// If a folder cannot be read or holds no picture, or there is none.
    pub fn open(folder: impl AsRef<Path>, frame: Frame) -> Result<Self> {
        let folder = folder.as_ref();
        Self::with_classes(folder, frame, &names(folder)?)
    }

    /// The same of these classes, in this order: those that a network has learnt. Some may have no folder.
    ///
    /// # Errors
    /// As [`ImageFolder::open`]; if there is a folder of another class.
    pub fn with_classes(folder: impl AsRef<Path>, frame: Frame, classes: &[String]) -> Result<Self> {
        let (folder, mut pictures) = (folder.as_ref(), Vec::new());
        for name in names(folder)? {
            let found = classes.iter().position(|class| *class == name).and_then(|class| i32::try_from(class).ok());
            let inside = folder.join(&name);
            let other = || Error::model(inside.display().to_string(), format!("is of none of the classes {}", classes.join(", ")));
            let class = found.ok_or_else(other)?;
            pictures.extend(picture::inside(&inside)?.into_iter().map(|path| (path, class)));
        }
        Ok(Self { frame, classes: classes.to_vec(), pictures })
    }

    /// What the labels mean.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    fn seen(&self, index: usize, part: &dyn Fn(Hw) -> Part) -> Result<Vec<Array>> {
        let (path, class) = self.pictures.get(index).ok_or_else(|| missing(index, self.len()))?;
        let picture = picture::read(path)?;
        let from = size(&picture);
        Ok(vec![self.frame.image(picture, part(from).within(from)?), Array::scalar(*class)])
    }
}

/// The folders in a folder, by name; hidden ones are left out.
fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |e| Error::io(folder, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(Error::model(folder.display().to_string(), "holds no folders; there is one of pictures for each class"));
    }
    names.sort();
    Ok(names)
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        vec![("image".to_owned(), self.frame.image_type()), ("label".to_owned(), TensorType::new(DType::I32, []))]
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        self.seen(index, &|size| self.frame.part(size))
    }

    fn cropped(&self, index: usize, _: u64, part: &dyn Fn(Hw) -> Part) -> Result<Option<Vec<Array>>> {
        self.seen(index, part).map(Some)
    }
}

/// Pictures with a mask each: `image`, f32 (channels, h, w) of 0..1, and `label`, i32 (h, w), of which 255 is no class.
#[derive(Clone, Debug)]
pub struct MaskFolder {
    frame: Frame,
    classes: usize,
    pairs: Vec<[PathBuf; 2]>,
}

impl MaskFolder {
    /// Of the pictures in a folder and their masks in another, PNGs of the same stem: `photos/a.jpg` has `masks/a.png`. A mask is indexed or
    /// grey, and its index or grey value is the class, less than `classes`; masks without a picture are left alone.
    ///
    /// # Errors
    /// If a folder cannot be read, there is no picture, or one has no mask.
    pub fn open(photos: impl AsRef<Path>, masks: impl AsRef<Path>, frame: Frame, classes: usize) -> Result<Self> {
        let pair = |photo: PathBuf| {
            let stem = photo.file_stem().unwrap_or_default();
            let mut mask = masks.as_ref().join(stem).into_os_string();
            mask.push(".png");
            match PathBuf::from(mask) {
                mask if mask.is_file() => Ok([photo, mask]),
                mask => Err(Error::model(photo.display().to_string(), format!("has no mask {}", mask.display()))),
            }
        };
        let pairs = picture::inside(photos.as_ref())?.into_iter().map(pair).collect::<Result<_>>()?;
        Ok(Self { frame, classes, pairs })
    }

    fn seen(&self, index: usize, part: &dyn Fn(Hw) -> Part) -> Result<Vec<Array>> {
        let [photo, path] = self.pairs.get(index).ok_or_else(|| missing(index, self.len()))?;
        let (picture, mask) = (picture::read(photo)?, read_mask(path)?);
        let wrong = |reason: String| Err(Error::model(path.display().to_string(), reason));
        let (from, of) = (size(&picture), Hw::new(mask.height() as usize, mask.width() as usize));
        if of != from {
            return wrong(format!("is {} x {}, its picture {} x {}", of.w, of.h, from.w, from.h));
        }
        let unknown = |class: u8| class != VOID && usize::from(class) >= self.classes;
        if let Some((x, y, image::Luma([class]))) = mask.enumerate_pixels().find(|(_, _, pixel)| unknown(pixel.0[0])) {
            return wrong(format!("has class {class} at row {y}, column {x}; there are {}, and 255 for none", self.classes));
        }
        let part = part(from).within(from)?;
        Ok(vec![self.frame.image(picture, part), self.frame.classes(&mask, part)])
    }
}

impl Dataset for MaskFolder {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let size = self.frame.size();
        vec![("image".to_owned(), self.frame.image_type()), ("label".to_owned(), TensorType::new(DType::I32, [size.h, size.w]))]
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        self.seen(index, &|size| self.frame.part(size))
    }

    fn cropped(&self, index: usize, _: u64, part: &dyn Fn(Hw) -> Part) -> Result<Option<Vec<Array>>> {
        self.seen(index, part).map(Some)
    }
}

fn missing(index: usize, len: usize) -> Error {
    Error::shape("dataset", format!("example {index} of {len}"))
}

#[cfg(test)]
mod tests {
    use super::super::Fit;
    use super::*;
    use crate::array::picture::{write_indexed_png, write_png};
    use std::fs::create_dir_all;

    fn frame() -> Frame {
        Frame::new(Hw::square(2), 3, Fit::Crop).unwrap()
    }

    fn paint(path: PathBuf, h: usize, w: usize, rgb: [f32; 3]) {
        create_dir_all(path.parent().unwrap()).unwrap();
        write_png(path, &Array::from_fn([1, 3, h, w], |i| rgb[i / (h * w)])).unwrap();
    }

    #[test]
    fn folders_are_classes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        paint(at("dog/b.png"), 4, 6, [1.0, 0.0, 0.0]);
        paint(at("cat/2.png"), 2, 2, [0.0, 0.0, 1.0]);
        paint(at("cat/1.png"), 3, 2, [0.0, 1.0, 0.0]);
        create_dir_all(at(".cache")).unwrap();
        std::fs::write(at("notes.txt"), "no class").unwrap();
        let data = ImageFolder::open(folder.path(), frame()).unwrap();
        assert_eq!((data.classes(), data.len()), (&["cat".to_owned(), "dog".to_owned()][..], 3));
        let seen: Vec<Vec<Array>> = (0..3).map(|i| data.example(i, 0).unwrap()).collect();
        assert_eq!(seen.iter().map(|e| e[1].to_f64()[0]).collect::<Vec<_>>(), [0.0, 0.0, 1.0]);
        assert_eq!(seen[0][0].to_f64(), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(seen.iter().all(|e| e.iter().zip(data.tensors()).all(|(a, (_, ty))| a.ty() == ty)));
        let error = |result: Result<Vec<Array>>| result.unwrap_err().to_string();
        assert!(error(data.example(3, 0)).contains("example 3 of 3"));

        let other = ImageFolder::with_classes(folder.path(), frame(), &["ant".to_owned(), "dog".to_owned()]).unwrap_err().to_string();
        assert!(other.contains("cat: is of none of the classes ant, dog"), "{other}");
        std::fs::write(at("cat/1.png"), b"no picture").unwrap();
        assert!(error(data.example(0, 0)).contains("1.png: is no PNG"));
        create_dir_all(at("empty")).unwrap();
        let empty = ImageFolder::open(folder.path(), frame()).unwrap_err().to_string();
        assert!(empty.contains("empty: holds no .png"), "{empty}");
        let none = ImageFolder::open(at("empty"), frame()).unwrap_err().to_string();
        assert!(none.contains("empty: holds no folders"), "{none}");
        assert!(ImageFolder::open(at("nowhere"), frame()).unwrap_err().to_string().contains("nowhere: No such file"));
    }

    #[test]
    fn a_mask_belongs_to_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mask = |name: &str, h: usize, w: usize, class: &dyn Fn(usize) -> i32| {
            create_dir_all(at("masks")).unwrap();
            write_indexed_png(at("masks").join(name), &Array::from_fn([1, 1, h, w], class), |_| [9; 3]).unwrap();
        };
        paint(at("photos/a.b.png"), 2, 4, [1.0; 3]);
        let open = || MaskFolder::open(at("photos"), at("masks"), frame(), 3);
        let error = open().unwrap_err().to_string();
        assert!(error.contains("a.b.png: has no mask") && error.contains("masks/a.b.png"), "{error}");
        mask("a.b.png", 2, 4, &|i| [0, 1, 2, 255][i % 4]);
        mask("no-photo.png", 1, 1, &|_| 0);
        let data = open().unwrap();
        let example = data.example(0, 0).unwrap();
        assert_eq!((data.len(), example[1].to_f64()), (1, vec![1.0, 2.0, 1.0, 2.0]), "the middle");
        assert!(example.iter().zip(data.tensors()).all(|(a, (_, ty))| a.ty() == ty));
        mask("a.b.png", 2, 4, &|i| if i == 6 { 3 } else { 0 });
        let error = data.example(0, 0).unwrap_err().to_string();
        assert!(error.contains("masks/a.b.png: has class 3 at row 1, column 2; there are 3"), "{error}");
        mask("a.b.png", 4, 2, &|_| 0);
        let error = data.example(0, 0).unwrap_err().to_string();
        assert!(error.contains("is 2 x 4, its picture 4 x 2"), "{error}");
        std::fs::write(at("masks/a.b.png"), b"no mask").unwrap();
        assert!(data.example(0, 0).unwrap_err().to_string().contains("a.b.png: is no PNG mask"));
    }
}
