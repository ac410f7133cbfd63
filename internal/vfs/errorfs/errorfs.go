// Package errorfs is a file system that fails where a test wants it to.
package errorfs

import "github.com/cockroachdb/pebble/v2/vfs/errorfs"

// Op is what is done with a file; an Injector says with which error it fails.
type (
	Op           = errorfs.Op
	InjectorFunc = errorfs.InjectorFunc
)

// The kinds of Op.
const (
	OpRemoveAll    = errorfs.OpRemoveAll
	OpFileSync     = errorfs.OpFileSync
	OpFileSyncData = errorfs.OpFileSyncData
	OpFileSyncTo   = errorfs.OpFileSyncTo
)

var (
	// ErrInjected is an error to fail with.
	ErrInjected = errorfs.ErrInjected
	// Wrap makes the file system that fails.
	Wrap = errorfs.Wrap
)
