package cutover_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// I8: what the issuer answers to an advice, a stand-in's network id for one, may come at any time. Until the date is
// sealed its record takes it in; afterwards nothing changes it, however often the files are tried.
func TestAnswerAfterTheSeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		disk := &fullDisk{FS: vfs.NewMem()}
		disk.full.Store(true)
		b := openBook(t, disk.FS.(*vfs.MemFS))
		defer b.close()
		e, stop := b.run(settings(func(o *cutover.Options) { o.FS = disk }))
		defer stop()
		p := b.authorized("visa", 700)
		p.Ops[0].Kind, p.Ops[0].State, p.Ops[0].NetworkID = payment.KindStandIn, payment.StateQueued, ""
		b.must(b.present(p, capture(700, 1), presentment.Snapshot{Format: 1, AuthCode: "A1B2C3"}))
		answer := func(networkID string) {
			p.Ops[0].NetworkID = networkID
			p.Version++
			b.must(b.j.Commit(t.Context(), &journal.Transition{Payment: p}))
		}
		answer("BEFORETHESEAL")
		if _, err := e.Cutover(t.Context(), true); err == nil {
			t.Fatal("a full disk is no error")
		}
		synctest.Wait() // the schedule has tried at once
		answer("AFTERTHESEAL")
		disk.full.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		text := shown(t, tree(t, b.fs, "clearing")["clearing/2026-11-20/0022611200000040000200001.ipm"])
		has := func(what string) bool { return strings.Contains(text, what) }
		if !has("BEFORETHESEAL") || has("AFTERTHESEAL") || !has("A1B2C3") {
			t.Errorf("the record is\n%s", text)
		}
	})
}
