//! Pictures on disk: a folder for each class, or a mask for each picture. They are read when their turn comes, by the loader's threads.

use super::Dataset;
use super::frame::{Frame, Part, size};
use super::mask::{VOID, read_mask};
use crate::array::picture;
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use image::GrayImage;
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

/// What a class is multiplied with in labels that say of a pixel which thing it belongs to as well.
pub const CLASS: i32 = 256;

/// Pictures with a mask each: `image`, f32 (channels, h, w) of 0..1, and `label`, i32 (h, w), of which 255 is no class.
///
/// [`MaskFolder::with_things`] tells one thing from the next: the label of a pixel of thing t of class c is 256 c + t.
#[derive(Clone, Debug)]
pub struct MaskFolder {
    frame: Frame,
    classes: usize,
    pairs: Vec<[PathBuf; 2]>,
    /// The masks of things, one for each picture, or none.
    things: Vec<PathBuf>,
}

impl MaskFolder {
    /// Of the pictures in a folder and their masks in another, PNGs of the same stem: `photos/a.jpg` has `masks/a.png`. A mask is indexed or
    /// grey, and its index or grey value is the class, less than `classes`; masks without a picture are left alone.
    ///
    /// # Errors
    /// If a folder cannot be read, there is no picture, or one has no mask.
    pub fn open(photos: impl AsRef<Path>, masks: impl AsRef<Path>, frame: Frame, classes: usize) -> Result<Self> {
        let pair = |photo: PathBuf| mask_of(&photo, masks.as_ref()).map(|mask| [photo, mask]);
        let pairs = picture::inside(photos.as_ref())?.into_iter().map(pair).collect::<Result<_>>()?;
        Ok(Self { frame, classes, pairs, things: Vec::new() })
    }

    /// The same with masks of things in another folder, whose index or grey value is the number of a thing in its picture, from 1; 0 and 255
    /// are none: PASCAL VOC's `SegmentationClass` and `SegmentationObject`. Pixels of a class but of no thing have no class.
    ///
    /// # Errors
    /// If a picture has no mask there.
    pub fn with_things(self, masks: impl AsRef<Path>) -> Result<Self> {
        let things = self.pairs.iter().map(|[photo, _]| mask_of(photo, masks.as_ref())).collect::<Result<_>>()?;
        Ok(Self { things, ..self })
    }

    /// A mask, if it is as large as its picture.
    fn mask(path: &Path, from: Hw) -> Result<GrayImage> {
        let mask = read_mask(path)?;
        let of = Hw::new(mask.height() as usize, mask.width() as usize);
        if of != from {
            let reason = format!("is {} x {}, its picture {} x {}", of.w, of.h, from.w, from.h);
            return Err(Error::model(path.display().to_string(), reason));
        }
        Ok(mask)
    }

    fn seen(&self, index: usize, part: &dyn Fn(Hw) -> Part) -> Result<Vec<Array>> {
        let [photo, path] = self.pairs.get(index).ok_or_else(|| missing(index, self.len()))?;
        let picture = picture::read(photo)?;
        let from = size(&picture);
        let mask = Self::mask(path, from)?;
        let wrong = |reason: String| Err(Error::model(path.display().to_string(), reason));
        let unknown = |class: u8| class != VOID && usize::from(class) >= self.classes;
        if let Some((x, y, image::Luma([class]))) = mask.enumerate_pixels().find(|(_, _, pixel)| unknown(pixel.0[0])) {
            return wrong(format!("has class {class} at row {y}, column {x}; there are {}, and 255 for none", self.classes));
        }
        let part = part(from).within(from)?;
        let mut label = self.frame.classes(&mask, part);
        if let Some(path) = self.things.get(index) {
            let things = self.frame.classes(&Self::mask(path, from)?, part);
            for (class, thing) in label.values_mut::<i32>()?.iter_mut().zip(things.values::<i32>()?) {
                *class = match (*class, *thing) {
                    (0, _) => 0,
                    (class, thing) if class != i32::from(VOID) && !NO_THING.contains(&thing) => CLASS * class + thing,
                    _ => i32::from(VOID),
                };
            }
        }
        Ok(vec![self.frame.image(picture, part), label])
    }
}

/// Numbers in masks of things that are none.
const NO_THING: [i32; 2] = [0, VOID as i32];

/// The mask of a picture, a PNG of its stem.
fn mask_of(photo: &Path, masks: &Path) -> Result<PathBuf> {
    let mut mask = masks.join(photo.file_stem().unwrap_or_default()).into_os_string();
    mask.push(".png");
    match PathBuf::from(mask) {
        mask if mask.is_file() => Ok(mask),
        mask => Err(Error::model(photo.display().to_string(), format!("has no mask {}", mask.display()))),
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
        mask("a.b.png", 2, 4, &|i| [0, 1, 2, 255, 2, 2, 1, 1][i]);
        assert!(open().unwrap().with_things(at("things")).unwrap_err().to_string().contains("things/a.b.png"));
        create_dir_all(at("things")).unwrap();
        let things = Array::new([1, 1, 2, 4], vec![9, 1, 0, 2, 9, 7, 255, 9i32]).unwrap();
        write_indexed_png(at("things/a.b.png"), &things, |_| [9; 3]).unwrap();
        let label = open().unwrap().with_things(at("things")).unwrap().example(0, 0).unwrap()[1].to_f64();
        assert_eq!(label, [257.0, 255.0, 519.0, 255.0], "the middle: a thing, a class of none, a thing, none");
        std::fs::write(at("masks/a.b.png"), b"no mask").unwrap();
        assert!(data.example(0, 0).unwrap_err().to_string().contains("a.b.png: is no PNG mask"));
    }
}
