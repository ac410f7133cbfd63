package doctor

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// names are the file systems that are known by the number that the kernel gives them.
var names = map[int64]string{
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay",
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.CIFS_SUPER_MAGIC: "smb", unix.SMB2_SUPER_MAGIC: "smb",
	unix.V9FS_MAGIC: "9p", unix.FUSE_SUPER_MAGIC: "fuse", unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs",
	unix.BTRFS_SUPER_MAGIC: "btrfs", unix.F2FS_SUPER_MAGIC: "f2fs", 0x2fc12fc1: "zfs",
}

func diskOf(dir string) (Disk, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Disk{}, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	block := uint64(s.Bsize)
	return Disk{
		Kind: names[int64(s.Type)&0xffffffff], FreeBytes: s.Bavail * block, TotalBytes: s.Blocks * block,
		FreeInodes: s.Ffree, TotalInodes: s.Files,
	}, nil
}

// nameless makes a file that nobody else finds, and that is gone when it is closed.
func nameless(dir string) (*os.File, error) {
	const ownerAlone = 0o600
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, ownerAlone)
	if err != nil {
		return nil, &fs.PathError{Op: "make a file without a name in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir), nil
}
