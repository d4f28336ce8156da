/*
 * test_attention.cpp - the kernels of attention against a direct computation in double precision on
 * the same inputs, as they are after rounding.
 */
#include "runtime/backend/cuda/kernels/attention_schedule.cuh"
#include "tests/emulation/random.h"
#include "tests/unit/check.h"
#include "tests/unit/cuda/kernel_rig.h"

#include <memory>

namespace
{

struct layout {
    int64_t gap;   /* elements between the rows that nothing may touch */
    int64_t shift; /* of the first row from an aligned address, in elements */
};

/* Queries of a fused layout have the keys and values of their positions beside them in one row. */
struct problem {
    struct mimo_attention shape;
    bool is_fused;
};

problem problem_of(int64_t batch, int64_t queries, int64_t keys, int64_t heads, int64_t groups,
                   int64_t head_dim, bool is_causal, struct layout layout)
{
    const int64_t q_width = heads * head_dim, k_width = groups * head_dim;
    problem p = {};
    p.is_fused = queries == keys;
    p.shape.batch = batch;
    p.shape.queries = queries;
    p.shape.keys = keys;
    p.shape.query_pitch = queries;
    p.shape.key_pitch = keys;
    p.shape.heads = heads;
    p.shape.groups = groups;
    p.shape.head_dim = head_dim;
    p.shape.k_stride = 2 * k_width + (p.is_fused ? q_width : 0) + layout.gap;
    p.shape.v_stride = p.shape.k_stride;
    p.shape.q_stride = p.is_fused ? p.shape.k_stride : q_width + layout.gap;
    p.shape.out_stride = q_width + layout.gap;
    p.shape.is_causal = is_causal;
    p.shape.scale = 1 / sqrt(static_cast<double>(head_dim));
    return p;
}

/* q, k and v, or their gradients: in one memory where they are fused, else queries in their own. */
template <typename T> struct operands {
    const problem &p;
    device_rows<T> keys, queries;

    operands(const problem &p_, int64_t shift)
        : p(p_), keys(p_.shape.batch * p_.shape.keys * p_.shape.k_stride, shift),
          queries(p_.is_fused ? 0 : p_.shape.batch * p_.shape.queries * p_.shape.q_stride, shift)
    {
    }
    device_rows<T> &q()
    {
        return p.is_fused ? keys : queries;
    }
    int64_t k_first() const
    {
        return p.is_fused ? p.shape.heads * p.shape.head_dim : 0;
    }
    int64_t v_first() const
    {
        return k_first() + p.shape.groups * p.shape.head_dim;
    }
};

/* Element d of head h of row i of sequence b. */
int64_t at(int64_t first, int64_t length, int64_t stride, int64_t head_dim, int64_t b, int64_t i,
           int64_t h, int64_t d)
{
    return first + (b * length + i) * stride + h * head_dim + d;
}

template <typename F>
void for_heads(int64_t batch, int64_t length, int64_t heads, int64_t head_dim, const F &visit)
{
    for (int64_t b = 0; b < batch; b++)
        for (int64_t i = 0; i < length; i++)
            for (int64_t h = 0; h < heads; h++)
                for (int64_t d = 0; d < head_dim; d++)
                    visit(b, i, h, d);
}

/* A matrix of heads in double precision, [batch, length, heads, head_dim]. */
struct matrix {
    int64_t batch, length, heads, head_dim;
    std::vector<double> value;

    matrix(int64_t batch_, int64_t length_, int64_t heads_, int64_t head_dim_)
        : batch(batch_), length(length_), heads(heads_), head_dim(head_dim_),
          value(static_cast<size_t>(batch_ * length_ * heads_ * head_dim_), 0.0)
    {
    }
    double *row(int64_t b, int64_t i, int64_t h)
    {
        return value.data() + ((b * length + i) * heads + h) * head_dim;
    }
    template <typename T>
    void draw_into(device_rows<T> &rows, int64_t first, int64_t stride, double size,
                   uint32_t &state)
    {
        for_heads(batch, length, heads, head_dim, [&](int64_t b, int64_t i, int64_t h, int64_t d) {
            const int64_t place = at(first, length, stride, head_dim, b, i, h, d);
            rows.set(place, size * draw(state));
            row(b, i, h)[d] = rows.get(place);
        });
    }
};

double relative(double difference, double total)
{
    return total > 0 ? sqrt(difference / total) : sqrt(difference);
}

/* What a kernel wrote: the distance from `expected` by norm. Marks what belongs to the result. */
template <typename T>
double distance(const device_rows<T> &rows, int64_t first, int64_t stride, matrix &expected,
                std::vector<bool> &is_written)
{
    double difference = 0, total = 0;
    for_heads(expected.batch, expected.length, expected.heads, expected.head_dim,
              [&](int64_t b, int64_t i, int64_t h, int64_t d) {
                  const int64_t place =
                      at(first, expected.length, stride, expected.head_dim, b, i, h, d);
                  const double wanted = expected.row(b, i, h)[d];
                  const double found = rows.get(place);
                  difference += (found - wanted) * (found - wanted);
                  total += wanted * wanted;
                  is_written[static_cast<size_t>(place)] = true;
              });
    return relative(difference, total);
}

template <typename T>
bool is_rest_untouched(const device_rows<T> &rows, const std::vector<bool> &is_written)
{
    for (int64_t i = 0; i < rows.count(); i++)
        if (!is_written[static_cast<size_t>(i)] && !rows.is_untouched(i))
            return false;
    return true;
}

double dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t d = 0; d < count; d++)
        sum += a[d] * b[d];
    return sum;
}

void add(double *to, double factor, const double *from, int64_t count)
{
    for (int64_t d = 0; d < count; d++)
        to[d] += factor * from[d];
}

/* Attention and its gradients, one query after another. */
struct reference {
    matrix q, k, v, out, dout, dq, dk, dv;
    std::vector<double> lse;

    explicit reference(const struct mimo_attention &s)
        : q(s.batch, s.queries, s.heads, s.head_dim), k(s.batch, s.keys, s.groups, s.head_dim),
          v(k), out(q), dout(q), dq(q), dk(k), dv(k),
          lse(static_cast<size_t>(s.batch * s.heads * s.queries))
    {
    }

    void compute(const struct mimo_attention &s)
    {
        for (int64_t b = 0; b < s.batch; b++)
            for (int64_t h = 0; h < s.heads; h++)
                for (int64_t i = 0; i < s.queries; i++)
                    compute_query(s, b, h, i);
    }

    void compute_query(const struct mimo_attention &s, int64_t b, int64_t h, int64_t i)
    {
        const int64_t seen = s.is_causal ? s.keys - s.queries + i + 1 : s.keys;
        const int64_t g = h / (s.heads / s.groups), dim = s.head_dim;
        std::vector<double> p(static_cast<size_t>(seen > 0 ? seen : 0));
        double largest = -INFINITY, total = 0, delta;
        for (size_t j = 0; j < p.size(); j++) {
            p[j] = s.scale * dot(q.row(b, i, h), k.row(b, static_cast<int64_t>(j), g), dim);
            largest = fmax(largest, p[j]);
        }
        for (double &each : p)
            total += each = exp(each - largest);
        lse[static_cast<size_t>((b * s.heads + h) * s.queries + i)] = largest + log(total);
        for (size_t j = 0; j < p.size(); j++) {
            p[j] /= total;
            add(out.row(b, i, h), p[j], v.row(b, static_cast<int64_t>(j), g), dim);
        }
        delta = dot(dout.row(b, i, h), out.row(b, i, h), dim);
        for (size_t n = 0; n < p.size(); n++) {
            const int64_t j = static_cast<int64_t>(n);
            const double ds =
                s.scale * p[n] * (dot(dout.row(b, i, h), v.row(b, j, g), dim) - delta);
            add(dv.row(b, j, g), p[n], dout.row(b, i, h), dim);
            add(dk.row(b, j, g), ds, q.row(b, i, h), dim);
            add(dq.row(b, i, h), ds, k.row(b, j, g), dim);
        }
    }
};

/* One problem's tensors on the device. */
template <typename T> struct run {
    const problem &p;
    operands<T> in, gradient;
    device_rows<T> out, dout;
    device_rows<float> lse, workspace;

    run(const problem &p_, int64_t shift)
        : p(p_), in(p_, shift), gradient(p_, shift),
          out(p_.shape.batch * p_.shape.queries * p_.shape.out_stride, shift),
          dout(out.count(), shift), lse(p_.shape.batch * p_.shape.heads * p_.shape.queries),
          workspace((lse.count() + 15) / 16 * 16)
    {
    }

    void draw(struct reference &ref, double size)
    {
        uint32_t state = 7;
        ref.q.draw_into(in.q(), 0, p.shape.q_stride, size, state);
        ref.k.draw_into(in.keys, in.k_first(), p.shape.k_stride, size, state);
        ref.v.draw_into(in.keys, in.v_first(), p.shape.v_stride, 1, state);
        ref.dout.draw_into(dout, 0, p.shape.out_stride, 1, state);
        in.keys.upload();
        in.queries.upload();
        dout.upload();
    }

    void carry_out()
    {
        kernel_rig rig(mimo_cuda_attention, sizeof(T) == 2);
        const T *const k = in.keys.data() + in.k_first(), *const v = in.keys.data() + in.v_first();
        CHECK_INT(rig->attention_workspace(rig.be(), &p.shape), workspace.count() * 4);
        rig->attention_forward(rig.be(), &p.shape, out.data(), lse.data(), in.q().data(), k, v,
                               workspace.data());
        rig->attention_backward(rig.be(), &p.shape, gradient.q().data(),
                                gradient.keys.data() + in.k_first(),
                                gradient.keys.data() + in.v_first(), dout.data(), out.data(),
                                lse.data(), in.q().data(), k, v, workspace.data());
        CHECK_TEXT(rig.finish(), "");
        out.download();
        lse.download();
        gradient.keys.download();
        gradient.queries.download();
    }
};

bool is_near(const char *what, const problem &p, double found, double bound)
{
    const struct mimo_attention &s = p.shape;
    if (found <= bound) /* not of a NaN */
        return true;
    (void)printf("\n  %s of %d x (%d, %d) x (%d, %d) x %d%s: off by %g, allowed %g\n", what,
                 static_cast<int>(s.batch), static_cast<int>(s.queries), static_cast<int>(s.keys),
                 static_cast<int>(s.heads), static_cast<int>(s.groups),
                 static_cast<int>(s.head_dim), s.is_causal ? " causal" : "", found, bound);
    return false;
}

double lse_distance(const device_rows<float> &lse, const std::vector<double> &expected)
{
    double largest = 0;
    for (int64_t i = 0; i < lse.count(); i++) {
        const double wanted = expected[static_cast<size_t>(i)];
        if (lse.get(i) != wanted) /* -inf where no key is seen */
            largest = fmax(largest, fabs(lse.get(i) - wanted) / fmax(1.0, fabs(wanted)));
        if (isnan(lse.get(i)))
            return NAN;
    }
    return largest;
}

template <typename T> void check_results(run<T> &r, struct reference &ref, double bound)
{
    const problem &p = r.p;
    const struct mimo_attention &s = p.shape;
    std::vector<bool> out(static_cast<size_t>(r.out.count()));
    std::vector<bool> keys(static_cast<size_t>(r.gradient.keys.count()));
    std::vector<bool> queries(static_cast<size_t>(r.gradient.queries.count()));
    std::vector<bool> &q = p.is_fused ? keys : queries;
    operands<T> &g = r.gradient;
    CHECK(is_near("lse", p, lse_distance(r.lse, ref.lse), 1e-5));
    CHECK(is_near("out", p, distance(r.out, 0, s.out_stride, ref.out, out), bound));
    CHECK(is_near("dq", p, distance(g.q(), 0, s.q_stride, ref.dq, q), bound));
    CHECK(is_near("dk", p, distance(g.keys, g.k_first(), s.k_stride, ref.dk, keys), bound));
    CHECK(is_near("dv", p, distance(g.keys, g.v_first(), s.v_stride, ref.dv, keys), bound));
    CHECK(is_rest_untouched(r.out, out));
    CHECK(is_rest_untouched(g.keys, keys));
    CHECK(is_rest_untouched(g.queries, queries));
}

template <typename T> constexpr double BOUND = sizeof(T) == 2 ? 1e-2 : 1e-5;

template <typename T> void check_type(const problem &p, int64_t shift, double size)
{
    struct reference ref(p.shape);
    run<T> r(p, shift);
    r.draw(ref, size);
    ref.compute(p.shape);
    r.carry_out();
    check_results(r, ref, BOUND<T>);
}

void check_problem(const problem &p, int64_t shift = 0, double size = 1)
{
    check_type<float>(p, shift, size);
    check_type<__nv_bfloat16>(p, shift, size);
}

constexpr struct layout DENSE = {0, 0};

/* ---- tests ---- */

void head_dims()
{
    for (int64_t head_dim : {8, 16, 20, 32, 64, 80, 128, 160, 256})
        for (bool is_causal : {false, true})
            check_problem(problem_of(1, 37, 37, 1, 1, head_dim, is_causal, DENSE));
}

/* Around the borders of tiles of 16, 32, 64 and 128 rows. */
void lengths()
{
    for (int64_t length : {1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 200})
        check_problem(problem_of(1, length, length, 1, 1, 32, true, DENSE));
    for (int64_t length : {1, 63, 64, 65, 129})
        check_problem(problem_of(1, length, length, 1, 1, 64, false, DENSE));
    for (int64_t head_dim : {96, 128, 256})
        check_problem(problem_of(1, 133, 133, 1, 1, head_dim, true, DENSE));
}

void fewer_queries_than_keys()
{
    for (bool is_causal : {false, true}) {
        check_problem(problem_of(2, 1, 70, 2, 1, 16, is_causal, DENSE));
        check_problem(problem_of(1, 5, 131, 2, 2, 64, is_causal, DENSE));
        check_problem(problem_of(1, 65, 130, 1, 1, 128, is_causal, DENSE));
    }
}

/* The first queries see no key: zeros, and -inf as lse. */
void more_queries_than_keys()
{
    check_problem(problem_of(1, 150, 5, 1, 1, 16, true, DENSE));
    check_problem(problem_of(1, 70, 66, 1, 1, 64, false, DENSE));
}

void groups_share_keys()
{
    for (int64_t groups : {1, 2, 3, 6})
        check_problem(problem_of(2, 35, 35, 6, groups, 32, true, DENSE));
    check_problem(problem_of(1, 70, 90, 4, 2, 160, true, DENSE));
}

/* Rows that start at multiples of 16 bytes with gaps between them, and rows that do not. */
void strides()
{
    for (int64_t head_dim : {7, 20, 64, 129}) {
        check_problem(problem_of(2, 34, 34, 2, 1, head_dim, true, {3, 0}));
        check_problem(problem_of(2, 3, 34, 2, 1, head_dim, true, {8, 0}));
        check_problem(problem_of(1, 34, 34, 2, 1, head_dim, false, {0, 1}));
    }
}

/* Scores of a few hundred: only the differences from their maxima may be raised to powers. */
void large_scores()
{
    check_type<float>(problem_of(1, 70, 70, 1, 1, 64, true, DENSE), 0, 12);
}

void empty()
{
    for (int64_t head_dim : {16, 128}) {
        check_problem(problem_of(0, 5, 5, 2, 1, head_dim, true, DENSE));
        check_problem(problem_of(1, 0, 5, 2, 1, head_dim, true, DENSE));
        check_problem(problem_of(1, 5, 0, 2, 1, head_dim, false, DENSE));
        check_problem(problem_of(1, 0, 0, 2, 1, head_dim, true, DENSE));
        check_problem(problem_of(1, 3, 3, 0, 0, head_dim, true, DENSE));
    }
}

/* Equal bits, whatever the order of blocks and threads. */
template <typename T> void check_order()
{
    const problem p = problem_of(2, 140, 140, 4, 2, 64, true, DENSE);
    std::unique_ptr<run<T>> runs[2];
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct reference ref(p.shape);
        emulation::random_reseed(seed + 1);
        runs[seed] = std::make_unique<run<T>>(p, 0);
        runs[seed]->draw(ref, 1);
        runs[seed]->carry_out();
    }
    CHECK(runs[0]->out.equals(runs[1]->out));
    CHECK(runs[0]->lse.equals(runs[1]->lse));
    CHECK(runs[0]->gradient.keys.equals(runs[1]->gradient.keys));
}

void order_does_not_matter()
{
    check_order<float>();
    check_order<__nv_bfloat16>();
}

void heads_too_wide_are_refused()
{
    const problem p = problem_of(1, 1, 1, 1, 1, 257, true, DENSE);
    kernel_rig rig(mimo_cuda_attention, true);
    rig->attention_forward(rig.be(), &p.shape, nullptr, nullptr, nullptr, nullptr, nullptr,
                           nullptr);
    CHECK_CONTAINS(rig.finish(), "attention_forward");
}

/* Blocks of a launch: each tile of each head once, and in a section the first tiles first. */
void check_schedule(const attention_schedule &schedule)
{
    const uint32_t blocks = schedule.heads * schedule.tiles;
    std::vector<int> visits(blocks);
    int last_tile = 0;
    for (uint32_t block = 0; block < blocks; block++) {
        const attention_place place = attention_place_of(schedule, block);
        const int64_t head = place.sequence * int64_t{schedule.heads_per_sequence} + place.head;
        const int64_t at = (head - schedule.first_head) * schedule.tiles + place.tile;
        CHECK(place.head < static_cast<int>(schedule.heads_per_sequence));
        CHECK(at >= 0 && at < blocks);
        visits[static_cast<size_t>(at)]++;
        CHECK(place.tile >= last_tile || block % (schedule.section * schedule.tiles) == 0);
        last_tile = place.tile;
    }
    for (int each : visits)
        CHECK_INT(each, 1);
}

void schedules()
{
    for (uint32_t heads : {1u, 6u, 7u})
        for (uint32_t section = 1; section <= heads; section++)
            for (uint32_t tiles : {1u, 4u})
                for (uint32_t heads_per_sequence : {1u, 3u})
                    check_schedule({2, heads, tiles, section, heads_per_sequence});
}

const struct mimo_test tests[] = {
    {"schedules", schedules},
    {"head dims", head_dims},
    {"lengths", lengths},
    {"fewer queries than keys", fewer_queries_than_keys},
    {"more queries than keys", more_queries_than_keys},
    {"groups share keys", groups_share_keys},
    {"strides", strides},
    {"large scores", large_scores},
    {"empty", empty},
    {"order does not matter", order_does_not_matter},
    {"heads too wide are refused", heads_too_wide_are_refused},
};

} // namespace

MIMO_TEST_MAIN("attention on the GPU", tests)
