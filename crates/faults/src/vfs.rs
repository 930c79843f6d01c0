//! The layer under SQLite: a VFS (<https://www.sqlite.org/vfs.html>) that passes everything on to the one for Unix, and
//! tells [`Disk`] of it.
//!
//! The shared memory of the write-ahead log is passed through as well. It is no part of what survives a power cut: the
//! first connection throws away what it finds there.

#![expect(unsafe_code, reason = "SQLite's VFS is a C interface: structs of function pointers, called from C")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::slice;
use std::sync::{Arc, Once};

use libsqlite3_sys as ffi;

use crate::disk::Disk;

/// What SQLite holds for an open file: our part, and behind it that of the VFS for Unix.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    /// From `Box::into_raw`, freed by `close`; null for files of no watched directory.
    watched: *mut Watched,
}

struct Watched {
    disk: Arc<Disk>,
    file: usize,
    /// The VFS for Unix syncs the directory with the first sync of a log that it may have created.
    syncs_directory: bool,
}

const HANDLE_BYTES: c_int = 16;
// A multiple of 8, so that what follows is aligned for any C struct.
const _: () = assert!(size_of::<Handle>() == 16, "the handle is two pointers");

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Those of version 3 are for memory-mapped files, which are not asked for.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Makes this the VFS of every connection that names none.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the name is a C string. The answer is null or a VFS that is never freed.
        let unix = unsafe { ffi::sqlite3_vfs_find(c"unix".as_ptr()) };
        assert!(!unix.is_null(), "this SQLite has no VFS for Unix");
        // SAFETY: it is a valid VFS, which nobody changes after it was registered. Its functions that are taken over
        // here do not look at the struct they are called with; `open` and `delete` are given the original.
        let mut vfs = unsafe { *unix };
        vfs.zName = c"groundswell-faults".as_ptr();
        vfs.pNext = std::ptr::null_mut();
        vfs.pAppData = unix.cast();
        vfs.szOsFile += HANDLE_BYTES;
        vfs.xOpen = Some(open);
        vfs.xDelete = Some(delete);
        // SAFETY: the struct lives for ever, and its name as well.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 1) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite does not take the VFS");
    });
}

/// The VFS for Unix.
///
/// # Safety
/// `vfs` is the one that was registered here.
unsafe fn unix(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: `install` has put it there.
    unsafe { (*vfs).pAppData.cast() }
}

/// The part of the VFS for Unix, with its methods.
///
/// # Safety
/// `file` was opened by `open`, and with success.
unsafe fn real(file: *mut ffi::sqlite3_file) -> (*mut ffi::sqlite3_file, &'static ffi::sqlite3_io_methods) {
    // SAFETY: SQLite has allocated `szOsFile` bytes, so there is room behind the handle, and `open` has had it filled.
    // The methods of the VFS for Unix are statics.
    unsafe {
        let real: *mut ffi::sqlite3_file = file.cast::<Handle>().add(1).cast();
        (real, &*(*real).pMethods)
    }
}

/// # Safety
/// `file` was opened by `open`, and SQLite does not use it on another thread meanwhile.
unsafe fn watched<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a mut Watched> {
    // SAFETY: it is null or a box that `close` has not freed yet, and only the thread that calls uses it.
    unsafe { (*file.cast::<Handle>()).watched.as_mut() }
}

/// The disk and name of a file, if it is in a watched directory.
///
/// # Safety
/// `name` is null or a C string.
unsafe fn place<'a>(name: *const c_char) -> Option<(Arc<Disk>, &'a str)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: not null, so a C string, which outlives the call that it was given to.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()));
    Some((Disk::of(path)?, path.file_name()?.to_str()?))
}

const HAS_METHOD: &str = "the VFS for Unix has all methods of version 2";

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    const LOGS: c_int = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    // SAFETY: SQLite calls with a VFS that was registered, a name that is null or a C string, and room for a file of
    // `szOsFile` bytes. The VFS for Unix gets what it would get from SQLite, and its own struct.
    unsafe {
        let handle = file.cast::<Handle>();
        handle.write(Handle {
            base: ffi::sqlite3_file { pMethods: std::ptr::null() },
            watched: std::ptr::null_mut(),
        });
        let real: *mut ffi::sqlite3_file = handle.add(1).cast();
        let unix = unix(vfs);
        let code = (*unix).xOpen.expect(HAS_METHOD)(unix, name, real, flags, out_flags);
        // Without methods SQLite takes the file for not opened; the VFS for Unix leaves nothing to close then.
        if code == ffi::SQLITE_OK {
            if let Some((disk, name)) = place(name) {
                let file = disk.open(name);
                let syncs_directory = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & LOGS != 0;
                (*handle).watched = Box::into_raw(Box::new(Watched { disk, file, syncs_directory }));
            }
            (*handle).base.pMethods = &raw const METHODS;
        }
        code
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: as for `open`.
    unsafe {
        let unix = unix(vfs);
        let Some((disk, short)) = place(name) else {
            return (*unix).xDelete.expect(HAS_METHOD)(unix, name, sync_directory);
        };
        let code = (*unix).xDelete.expect(HAS_METHOD)(unix, name, 0);
        if code == ffi::SQLITE_OK {
            disk.deleted(short);
            if sync_directory != 0 {
                disk.synced_directory();
            }
        }
        code
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, and only one that was opened; nothing uses the box afterwards.
    unsafe {
        let handle = file.cast::<Handle>();
        if !(*handle).watched.is_null() {
            drop(Box::from_raw((*handle).watched));
            (*handle).watched = std::ptr::null_mut();
        }
        let (real, methods) = real(file);
        methods.xClose.expect(HAS_METHOD)(real)
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite calls with a file that is open and `count` readable bytes, and from one thread at a time.
    unsafe {
        let (real, methods) = real(file);
        let Some(watched) = watched(file) else {
            return methods.xWrite.expect(HAS_METHOD)(real, bytes, count, offset);
        };
        let mut size = 0;
        let code = methods.xFileSize.expect(HAS_METHOD)(real, &raw mut size);
        if code != ffi::SQLITE_OK {
            return code;
        }
        let content = slice::from_raw_parts(bytes.cast::<u8>(), count_of(count.into()));
        let at = count_of(offset);
        if !watched.disk.has_room(count_of(size), at + content.len()) {
            return ffi::SQLITE_FULL;
        }
        let code = methods.xWrite.expect(HAS_METHOD)(real, bytes, count, offset);
        if code == ffi::SQLITE_OK {
            watched.disk.wrote(watched.file, at, content);
        }
        code
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, bytes: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite calls with a file that is open, and from one thread at a time.
    unsafe {
        let (real, methods) = real(file);
        let code = methods.xTruncate.expect(HAS_METHOD)(real, bytes);
        if let Some(watched) = watched(file)
            && code == ffi::SQLITE_OK
        {
            watched.disk.resized(watched.file, count_of(bytes));
        }
        code
    }
}

/// A watched file is synced in the record only: what survives is decided there, and tests need not wait for a disk.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite calls with a file that is open, and from one thread at a time.
    unsafe {
        let Some(watched) = watched(file) else {
            let (real, methods) = real(file);
            return methods.xSync.expect(HAS_METHOD)(real, flags);
        };
        if !watched.disk.sync(watched.file) {
            return ffi::SQLITE_IOERR_FSYNC;
        }
        if std::mem::take(&mut watched.syncs_directory) {
            watched.disk.synced_directory();
        }
        ffi::SQLITE_OK
    }
}

/// What SQLite calls counts and offsets is never negative.
fn count_of(number: i64) -> usize {
    usize::try_from(number).expect("SQLite counts from zero")
}

/// Methods that only pass on.
macro_rules! pass_on {
    ($($name:ident => $method:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)?;)*) => {
        $(unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $kind)*) $(-> $answer)? {
            // SAFETY: SQLite calls with a file that is open and with what the method wants; it is passed on as it is.
            unsafe {
                let (real, methods) = real(file);
                methods.$method.expect(HAS_METHOD)(real $(, $argument)*)
            }
        })*
    };
}

pass_on! {
    read => xRead(into: *mut c_void, count: c_int, offset: ffi::sqlite3_int64) -> c_int;
    file_size => xFileSize(size: *mut ffi::sqlite3_int64) -> c_int;
    lock => xLock(level: c_int) -> c_int;
    unlock => xUnlock(level: c_int) -> c_int;
    check_reserved_lock => xCheckReservedLock(answer: *mut c_int) -> c_int;
    file_control => xFileControl(operation: c_int, argument: *mut c_void) -> c_int;
    sector_size => xSectorSize() -> c_int;
    device_characteristics => xDeviceCharacteristics() -> c_int;
    shm_map => xShmMap(page: c_int, size: c_int, extend: c_int, at: *mut *mut c_void) -> c_int;
    shm_lock => xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier => xShmBarrier();
    shm_unmap => xShmUnmap(delete: c_int) -> c_int;
}
