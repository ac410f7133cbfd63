package main

import (
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"switchyard/internal/mutant"
)

// newLogger writes JSON lines of a level and above. No line is left out because many are like it: of 1,500 parked
// advices each has its error, and at debug each request has its line. What others could cause without bound (strays,
// refused frames, links that stay down) is bounded where it is logged.
func newLogger(level string, out io.Writer) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %q: expected debug, info, warn or error", level)
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoding), zapcore.Lock(zapcore.AddSync(out)), l)
	if mutant.On(mutant.LogSampled) {
		const first, thereafter = 100, 100
		core = zapcore.NewSamplerWithOptions(core, time.Second, first, thereafter)
	}
	return zap.New(core), nil
}
