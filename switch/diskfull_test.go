package txswitch_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// While the disk guard refuses new work, /readyz says so, and why, and the stats how little is free; it is ready again
// once there is room.
func TestNotReadyWhileTheDiskIsFull(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	s := switchtest.Start(t, switchtest.Options{FreeBytes: free.Load})
	readyz := func() (code int, body string) {
		t.Helper()
		resp, err := http.Get("http://" + s.OperatorAddr + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if code, body := readyz(); code != http.StatusOK {
		t.Fatalf("before: %d %s", code, body)
	}
	free.Store(1 << 20)
	asked := 0
	s.Await("new work is refused", func() bool {
		asked++
		a := s.Do(switchtest.Authorize(fmt.Sprint("k", asked), 1000))
		return a.Err != nil && a.Err.Code == api.CodeBusy
	})
	if code, body := readyz(); code != http.StatusServiceUnavailable ||
		!strings.Contains(body, "the switch's disk is nearly full: less than 256 MiB are free") {
		t.Errorf("while the disk is full: %d %s", code, body)
	}
	if st := s.Switch.Stats(); st.DiskFreeBytes == nil || *st.DiskFreeBytes != 1<<20 {
		t.Errorf("stats while the disk is full: %+v", st)
	}
	free.Store(1 << 40)
	s.AwaitReady()
	if code, body := readyz(); code != http.StatusOK {
		t.Errorf("with room again: %d %s", code, body)
	}
	wantApproved(t, s.Do(switchtest.Authorize("again", 1000)), "00")
}
