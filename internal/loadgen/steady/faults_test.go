package steady

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen/scenario"
)

// slowPort answers what it is told at once, and what it is asked never.
type slowPort struct{ told []string }

func (p *slowPort) Read(ctx context.Context, method, _ string, _ url.Values, body []byte) ([]byte, error) {
	if method == http.MethodGet {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	p.told = append(p.told, string(body))
	return nil, nil
}

// An issuer-sim that does not say which rules it has is told the faults all the same, and what it was not told when the
// run was over is named: such a run is not what the scenario says.
func TestFaultsThatWereNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f faults
		port := &slowPort{}
		f.begin(t.Context(), port, []scenario.Fault{
			{At: 10 * time.Second, Name: "first", Rules: []byte("a")}, {At: time.Minute, Name: "second", Rules: []byte("b")},
			{At: time.Hour, Name: "third", Rules: []byte("c")},
		}, time.Now(), t.Logf)
		time.Sleep(30 * time.Second)
		if failed := f.end(); !slices.Equal(failed, []string{"second", "third"}) ||
			!slices.Equal(port.told, []string{"a"}) {
			t.Errorf("told %q, not told %q; want the first one told, and the others named", port.told, failed)
		}
	})
}
