package steady

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"switchyard/internal/loadgen/scenario"
)

// faults tells an issuer-sim what a scenario has for it, when it is time.
type faults struct {
	loop   sync.WaitGroup
	cancel context.CancelFunc
	failed []string // names of those that it could not be told, or was not when the run was over
}

// controlPort is an issuer-sim's port for its operators.
type controlPort interface {
	Read(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error)
}

// faultLimit is how long asking it for its rules, and telling it a fault, may take.
const faultLimit = 5 * time.Second

// begin starts telling; from is the window's begin.
func (f *faults) begin(
	ctx context.Context, port controlPort, list []scenario.Fault, from time.Time, say func(string, ...any),
) {
	ctx, f.cancel = context.WithCancel(ctx)
	if len(list) == 0 {
		return
	}
	f.loop.Go(func() {
		before, err := rulesOf(ctx, port)
		if err != nil {
			say("issuer-sim's rules: %v", err)
		}
		for i := range list {
			wait := time.NewTimer(time.Until(from.Add(list[i].At)))
			select {
			case <-ctx.Done():
				wait.Stop()
				f.failed = append(f.failed, list[i].Name)
			case <-wait.C:
				if err := tell(ctx, port, &list[i]); err != nil {
					f.failed = append(f.failed, list[i].Name)
					say("fault %s: %v", list[i].Name, err)
				}
			}
		}
		<-ctx.Done()
		if err == nil { // the rules that it had
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), faultLimit)
			defer cancel()
			if len(bytes.TrimSpace(before)) == 0 {
				before = []byte("rules: []\n") // what it has none by, since nothing is no YAML
			}
			if _, err := port.Read(ctx, http.MethodPut, rulesPath, nil, before); err != nil {
				say("issuer-sim's rules are as the last fault has them: %v", err)
			}
		}
	})
}

const rulesPath = "/v1/rules"

// rulesOf are the rules that an issuer-sim has.
func rulesOf(ctx context.Context, port controlPort) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, faultLimit)
	defer cancel()
	return port.Read(ctx, http.MethodGet, rulesPath, nil, nil)
}

func tell(ctx context.Context, port controlPort, f *scenario.Fault) error {
	ctx, cancel := context.WithTimeout(ctx, faultLimit)
	defer cancel()
	method, path, query := http.MethodPut, rulesPath, url.Values(nil)
	if f.Pause > 0 {
		method, path, query = http.MethodPost, "/v1/pause", url.Values{"for": {f.Pause.String()}}
	}
	_, err := port.Read(ctx, method, path, query, f.Rules)
	return err
}

// end stops telling, and names what was not told.
func (f *faults) end() []string {
	if f.cancel != nil {
		f.cancel()
		f.loop.Wait()
	}
	return f.failed
}
