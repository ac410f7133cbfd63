// Package vfs is the file system as everything above the journal sees it: the one of the machine, or one in memory that
// can crash. The names are Pebble's, whose engine takes the same file system; nothing else of Pebble is needed to use
// them.
package vfs

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/internal/infile"
)

// What a file system is.
type (
	FS                = vfs.FS
	File              = vfs.File
	DiskUsage         = vfs.DiskUsage
	DiskWriteCategory = vfs.DiskWriteCategory
	OpenOption        = vfs.OpenOption
)

// NotRegularError is returned by the machine's file system for what is no regular file.
type NotRegularError = infile.NotRegularError

// MemFS is a file system in memory.
type MemFS = vfs.MemFS

// CrashCloneCfg says what a crash leaves.
type CrashCloneCfg = vfs.CrashCloneCfg

// WriteCategoryUnspecified is the category of what needs none.
const WriteCategoryUnspecified = vfs.WriteCategoryUnspecified

var (
	// Default is the machine's file system: of regular files, and by way of no symbolic link.
	Default FS = machine{vfs.Default}
	// ErrUnsupported says that a file system cannot tell.
	ErrUnsupported = vfs.ErrUnsupported

	// NewMem makes a file system in memory.
	NewMem = vfs.NewMem
	// NewCrashableMem makes one that can tell what a crash would leave of it.
	NewCrashableMem = vfs.NewCrashableMem
	// Clone copies a folder between file systems; CloneSync syncs what it copies.
	Clone     = vfs.Clone
	CloneSync = vfs.CloneSync
)
