package flow_test

import (
	"testing"

	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
)

func openJournal(t testing.TB) journal.Journal {
	j, err := pebble.Open(pebble.Options{
		FS: vfs.NewMem(), Dir: "journal", Node: 1, Logger: zap.NewNop(),
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}
