package cutover_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/payment"
)

// forms tells how the files of a date are written, and checks that their manifests say so.
func forms(t *testing.T, fs vfs.FS, date payment.Date) (told []string) {
	t.Helper()
	files := tree(t, fs, path.Join("clearing", date.String()))
	for _, name := range names(files) {
		stem, is := strings.CutSuffix(name, ".ipm")
		if !is {
			continue
		}
		m, err := clearing.ReadManifest(strings.NewReader(files[stem+".manifest.json"]))
		if err != nil {
			t.Fatal(err)
		}
		r, err := clearing.Verify(strings.NewReader(files[name]),
			clearing.VerifyOptions{Strict: true, Manifest: m, Name: path.Base(name)})
		if err != nil || r.Err() != nil || len(r.Warnings) > 0 {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
		if m.CodePage != r.CodePage || m.Blocked != r.Framing.Blocked || m.RDW != r.Framing.RDW {
			t.Errorf("%s: it is %s, %s, the manifest says %+v", name, r.CodePage, r.Framing, m)
		}
		told = append(told, fmt.Sprintf("%s: %s, %s", m.Destination, r.CodePage, r.Framing))
	}
	return told
}

// A destination may have files of another form than the others. It is fixed when they are sealed: what waits to be made
// and what is made again has it, whatever the config says by then.
func TestFormsOfDestinations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-20 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		other := func(o *cutover.Options) {
			o.Settings.Destinations = []string{"visa", "jcb", "amex"}
			o.Settings.Forms = map[string]cutover.Form{
				"jcb": {CodePage: clearing.ASCII, RDW: true}, "amex": {CodePage: clearing.CP500},
			}
		}
		e, stop := b.run(settings(waiting, other))
		for _, destination := range []string{"visa", "jcb", "amex"} {
			b.captured(destination, 2)
		}
		if _, err := e.Window(t.Context(), "jcb"); err != nil {
			t.Fatal(err)
		}
		b.captured("jcb", 1)
		if _, err := e.Cutover(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		stop()
		e, stop = b.run(settings(otherwise))
		defer stop()
		if _, err := e.Release(t.Context(), 20261120, cutover.WindowName{}, "ann and bob"); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"jcb: ascii, no blocks, RDW", "amex: cp500, no blocks", "jcb: ascii, no blocks, RDW", "visa: cp500, 1014 blocks",
		}
		if got := forms(t, b.fs, 20261120); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if checked, err := e.Check(t.Context(), 20261120); err != nil || len(checked.Differences) > 0 {
			t.Errorf("made again: %+v, %v", checked, err)
		}
	})
}
