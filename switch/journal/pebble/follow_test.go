package pebble

import (
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
)

func withEvents(n uint64, data ...string) *journal.Transition {
	tr := &journal.Transition{Payment: fresh(n)}
	for i, d := range data {
		tr.Events = append(tr.Events, journal.Event{Kind: uint16(i + 1), Data: []byte(d)})
	}
	return tr
}

// I15: a follower that a crash interrupts takes up again what it had not finished, and misses nothing.
func TestFollowerSurvivesACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	j := open(t, fs)
	for n := uint64(1); n <= 6; n++ {
		commit(t, j, withEvents(n, string(rune('a'+n-1))))
	}
	var told []string
	tell := func(e journal.Event) error { told = append(told, string(e.Data)); return nil }
	if n, err := journal.Follow(ctx, j, "f", 2, tell); n != 2 || err != nil {
		t.Fatalf("%d taken, %v", n, err)
	}
	// The process ends while it takes the fourth: before its position is kept.
	var crashed *vfs.MemFS
	_, err := journal.Follow(ctx, j, "f", 10, func(e journal.Event) error {
		if string(e.Data) == "d" && crashed == nil {
			crashed = fs.CrashClone(vfs.CrashCloneCfg{})
		}
		return tell(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	j = open(t, crashed)
	told = told[:4]
	if n, err := journal.Follow(ctx, j, "f", 10, tell); n != 4 || err != nil {
		t.Fatalf("%d taken after the crash, %v", n, err)
	}
	if !slices.Equal(told, []string{"a", "b", "c", "d", "c", "d", "e", "f"}) {
		t.Errorf("told %v", told)
	}
	if n, err := journal.Follow(ctx, j, "f", 10, tell); n != 0 || err != nil {
		t.Errorf("%d more, %v", n, err)
	}
	commit(t, j, withEvents(7, "g"))
	refused := errors.New("not now")
	n, err := journal.Follow(ctx, j, "f", 10, func(journal.Event) error { return refused })
	if n != 0 || !errors.Is(err, refused) {
		t.Errorf("%d taken, %v", n, err)
	}
	if n, err := journal.Follow(ctx, j, "f", 10, tell); n != 1 || err != nil {
		t.Errorf("%d taken once it is told, %v", n, err)
	}
}

func act(what string) journal.Act {
	return journal.Act{At: time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC), Who: "ann", Role: "operate", What: what,
		Details: []byte(`{"host":"h"}`)}
}

// An act that was changed, and one that was taken from the end, are found.
func TestDamagedActs(t *testing.T) {
	changed := act("retry")
	changed.Number = 1
	changed.Who = "bob"
	for name, damage := range map[string]func(db *pebble.DB) error{
		"the first changed": func(db *pebble.DB) error {
			return db.Set(appendNumberKey(nil, prefixAct, 1), record.AppendAct(nil, &changed), pebble.Sync)
		},
		"the last taken out": func(db *pebble.DB) error {
			return db.Delete(appendNumberKey(nil, prefixAct, 2), pebble.Sync)
		},
	} {
		j := open(t, vfs.NewMem())
		for _, a := range []string{"retry", "close"} {
			if _, err := j.Append(ctx, act(a)); err != nil {
				t.Fatal(err)
			}
		}
		err := damage(j.db)
		commit(t, j, &journal.Transition{Payment: fresh(1)}) // so that reads see it
		found := 0
		if err := errors.Join(err, j.Verify(func(string) bool { found++; return true })); err != nil || found == 0 {
			t.Errorf("%s: %d problems, %v", name, found, err)
		}
	}
}

// The bytes of events and acts, as docs/journal.md describes them.
func TestGoldenEventAndAct(t *testing.T) {
	p := fresh(5)
	id := hex.EncodeToString(p.ID[:])
	e := journal.Event{Payment: p.ID, Kind: 300, Data: []byte("hi")}
	if got, want := hex.EncodeToString(record.AppendEvent(nil, p.ID, &e)), "01"+id+"ac02"+"026869"; got != want {
		t.Errorf("event %s, want %s", got, want)
	}
	a := journal.Act{At: time.Unix(0, 258).UTC(), Who: "w", Role: "r", What: "x", Details: []byte("{}")}
	want := "01" + hex.EncodeToString(make([]byte, 32)) + "0000000000000102" + "0177" + "0172" + "0178" + "027b7d"
	if got := hex.EncodeToString(record.AppendAct(nil, &a)); got != want {
		t.Errorf("act %s, want %s", got, want)
	}
	if got, err := record.DecodeAct(0, record.AppendAct(nil, &a)); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("read back: %+v, %v", got, err)
	}
}

// A journal of an older format becomes one of the newest when it is opened for writing, and not when it is read.
func TestOlderFormatsAreUpgraded(t *testing.T) {
	for older := byte(1); older < journalFormat; older++ {
		fs := vfs.NewMem()
		j := open(t, fs)
		commit(t, j, &journal.Transition{Payment: fresh(1), Keys: claim("k")})
		makeOlder(t, j, older)
		for _, readOnly := range []bool{true, false} {
			o := options(t, fs)
			o.ReadOnly = readOnly
			j, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.Payment(ctx, fresh(1).ID); err != nil {
				t.Error(err)
			}
			if e, err := j.Key(ctx, "M1", "k"); err != nil || e.Payment != fresh(1).ID {
				t.Errorf("the key: %+v, %v", e, err)
			}
			want := byte(journalFormat)
			if readOnly {
				want = older
			}
			if got, err := get(j.db, keyFormat); err != nil || got[0] != want {
				t.Errorf("read only %v: format %v, %v", readOnly, got, err)
			}
			verified(t, j)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
