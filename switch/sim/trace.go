package sim

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"switchyard/switch/journal"
)

// trace is what happened in a run, in order, with virtual times: what the actors did, what the plan did to the system,
// and what both nodes logged.
type trace struct {
	mu    sync.Mutex
	b     bytes.Buffer
	begin time.Time
	lost  int
	alarm func(kind, format string, args ...any) // of a broken money invariant
}

// maxTrace bounds a trace in bytes; the rest is counted.
const maxTrace = 4 << 20

func (t *trace) addf(who, format string, args ...any) {
	t.write(func(b *bytes.Buffer) {
		fmt.Fprintf(b, "%12.6f %-9s ", time.Since(t.begin).Seconds(), who)
		fmt.Fprintf(b, format, args...)
		b.WriteByte('\n')
	})
}

func (t *trace) write(do func(b *bytes.Buffer)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.b.Len() > maxTrace {
		t.lost++
		return
	}
	do(&t.b)
}

// String returns the trace.
func (t *trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost > 0 {
		return fmt.Sprintf("%s… and %d more\n", t.b.String(), t.lost)
	}
	return t.b.String()
}

// logger is a node's, into the trace.
func (t *trace) logger(node string) *zap.Logger {
	config := zap.NewDevelopmentEncoderConfig()
	config.TimeKey, config.CallerKey, config.StacktraceKey = "", "", ""
	return zap.New(&traceCore{
		trace: t, node: node, encoder: zapcore.NewConsoleEncoder(config), LevelEnabler: zapcore.InfoLevel,
	})
}

// traceCore is a zapcore.Core that writes to a trace.
type traceCore struct {
	zapcore.LevelEnabler
	trace   *trace
	node    string
	encoder zapcore.Encoder
}

// With implements zapcore.Core.
func (c *traceCore) With(fields []zapcore.Field) zapcore.Core {
	d := *c
	d.encoder = c.encoder.Clone()
	for _, f := range fields {
		f.AddTo(d.encoder)
	}
	return &d
}

// Check implements zapcore.Core.
func (c *traceCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *traceCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if e.Message == journal.BrokenMoney {
		defer c.trace.alarm("I7 "+journal.BrokenMoney, "a transition of %s", c.node)
	}
	line, err := c.encoder.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	defer line.Free()
	c.trace.write(func(b *bytes.Buffer) {
		fmt.Fprintf(b, "%12.6f %-9s %s", time.Since(c.trace.begin).Seconds(), c.node, line.Bytes())
	})
	return nil
}

// Sync implements zapcore.Core.
func (c *traceCore) Sync() error { return nil }
