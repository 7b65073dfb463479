package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ServeEcho is the bare TCP server that everything is held against: it finds
// the messages in what it reads by their length, as any server of the protocol
// must, and appends an answer of the same size as the engine's for each; one
// write for each read of up to 64 KiB.
func ServeEcho(l net.Listener, answer int) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_ = echo(c, answer)
		}()
	}
}

// echoBuffer is the size of the engine's read buffer.
const echoBuffer = 64 << 10

func echo(c net.Conn, answer int) error {
	in, filled := make([]byte, echoBuffer), 0
	reply := make([]byte, answer)
	binary.BigEndian.PutUint32(reply, uint32(answer))
	var out []byte
	for {
		n, err := c.Read(in[filled:])
		if err != nil {
			return err
		}
		filled += n
		at := 0
		out = out[:0]
		for filled-at >= 4 {
			length := int(binary.BigEndian.Uint32(in[at:]) & 0xffffff)
			if length < 4 || length > len(in) {
				return errors.New("echo: a message of an impossible length")
			}
			if filled-at < length {
				break
			}
			at += length
			out = append(out, reply...)
		}
		filled = copy(in, in[at:filled])
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return err
			}
		}
	}
}

// process is a server that the benchmark started.
type process struct {
	cmd    *exec.Cmd
	stderr io.ReadCloser
	ready  ready
}

// ready is what a server says once it listens, as a JSON log line.
type ready struct {
	Message  string `json:"msg"`
	Diameter string `json:"diameter"`
	HTTP     string `json:"http"`
}

// startTimeout bounds a server's start on an empty directory.
const startTimeout = 60 * time.Second

// start runs this program with other arguments and waits until it is ready. It
// has a process group of its own: a Ctrl-C in the terminal reaches the
// benchmark alone, which stops its servers in order.
func start(ctx context.Context, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, args...)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // no server outlives the benchmark
	// Two processors, whatever the machine has: as wide as the figures in README.md.
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	if p.stderr, err = p.cmd.StderrPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	found := make(chan error, 1)
	go p.follow(found)
	select {
	case err = <-found:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(startTimeout):
		err = errors.New("no sign of life")
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("starting %v: %w", args, err)
	}
	return p, nil
}

// follow reads the server's log: until it is ready, then so that it is never
// held up, passing on what is worse than information.
func (p *process) follow(found chan<- error) {
	lines := bufio.NewScanner(p.stderr)
	last := ""
	for lines.Scan() {
		var r ready
		last = lines.Text()
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Message == ReadyMessage {
			p.ready = r
			found <- nil
			break
		}
	}
	for lines.Scan() {
		last = lines.Text()
	}
	select {
	case found <- fmt.Errorf("it ended: %s", last):
	default:
	}
}

// ReadyMessage is what gyro up and the echo server log when they listen.
const ReadyMessage = "gyro is up"

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-done
	}
}
