-- What pandoc needs to read Quarto's Markdown: profiles, and the numbers of figures, tables, equations, sections
-- and exercises with the references to them. Maths and tables leave as HTML; smalldocs reads the rest.

local names = {fig = 'Figure', tbl = 'Table', eq = 'Equation', sec = 'Section', exr = 'Exercise'}
local counts, numbers, cited = {}, {}, false

local function html(text) return pandoc.RawBlock('html', text) end

-- "Figure" for `fig-roofline`; nil for the id of a thing without a number.
local function name_of(id) return names[id:match '^(%l+)%-'] end

-- "Figure 3", after noting that `id` has number 3.
local function number(id)
  local name = name_of(id)
  counts[name] = (counts[name] or 0) + 1
  numbers[id] = tostring(counts[name])
  return name .. '\u{a0}' .. numbers[id]
end

-- Content of an element that the profile shows, nothing for one that it hides.
local function conditional(el)
  local profile = el.attributes['when-profile']
  if not profile then return nil end
  local active = profile == os.getenv 'QUARTO_PROFILE'
  return active == el.classes:includes 'content-visible' and el.content or {}
end

-- A numbered figure with its caption below, or table with its caption above.
local function float(id, content, caption)
  if not name_of(id) then return nil end
  local text = pandoc.Inlines {number(id) .. (#caption > 0 and ': ' or '')} .. pandoc.utils.blocks_to_inlines(caption)
  local captioned = pandoc.Blocks {html '<figcaption>', pandoc.Plain(text), html '</figcaption>'}
  captioned = name_of(id) == 'Table' and captioned .. content or content .. captioned
  captioned:insert(1, html(('<figure id="%s" class="quarto-float quarto-float-%s">'):format(id, id:sub(1, 3))))
  captioned:insert(html '</figure>')
  return captioned, false
end

local function exercise(div)
  local name = div.content[1].t == 'Header' and pandoc.utils.stringify(div.content:remove(1))
  local title = number(div.identifier) .. (name and ' (' .. name .. ')' or '')
  div.content:insert(1, pandoc.Para(pandoc.Span(pandoc.Strong(title), {class = 'theorem-title'})))
  div.classes:extend {'theorem', 'exercise'}
  return div
end

local numbering = {
  traverse = 'topdown',
  Figure = function(figure)
    local image = figure.content[1].content[1]
    image.attributes['fig-alt'] = image.attributes['fig-alt'] or pandoc.utils.stringify(image.caption)
    image.caption = {}
    return float(figure.identifier, pandoc.Blocks {pandoc.Para {image}}, figure.caption.long)
  end,
  Table = function(tbl)
    local plain = pandoc.Table({}, tbl.colspecs, tbl.head, tbl.bodies, tbl.foot)
    return float(tbl.identifier, pandoc.Blocks {plain}, tbl.caption.long)
  end,
  Div = function(div)
    if name_of(div.identifier) == 'Exercise' then return exercise(div) end
    local last = div.content[#div.content]
    return float(div.identifier, div.content, last and last.t == 'Para' and {div.content:remove()} or {})
  end,
  Span = function(span)
    if name_of(span.identifier) ~= 'Equation' then return nil end
    number(span.identifier)
    span.content:insert(pandoc.Span('(' .. numbers[span.identifier] .. ')', {class = 'equation-number'}))
    return span
  end,
}

-- Links for the cross-references in a group of citations, before the citations: `@eq-x [@key]` is one such group.
local function references(cite)
  local out, citations = pandoc.Inlines {}, pandoc.List()
  for _, citation in ipairs(cite.citations) do
    local name = name_of(citation.id)
    if name then
      local value = assert(numbers[citation.id], 'unknown cross-reference @' .. citation.id)
      name = #citation.prefix > 0 and pandoc.utils.stringify(citation.prefix) or name
      local text = citation.mode == 'SuppressAuthor' and value or name .. '\u{a0}' .. value
      out:extend {pandoc.Str ', ', pandoc.Link(text, '#' .. citation.id, '', {class = 'quarto-xref'})}
    else
      citations:insert(citation)
    end
  end
  cited = cited or #citations > 0
  if #citations > 0 then out:extend {pandoc.Space(), pandoc.Cite({}, citations)} end
  out:remove(1)
  return out
end

local function as_html(block) return pandoc.write(pandoc.Pandoc {block}, 'html5', {html_math_method = 'mathml'}) end

-- MathML whose text smalldocs cannot mistake for Markdown.
local function mathml(math)
  local text = as_html(pandoc.Plain {math}):gsub('<annotation.-</annotation>', '')
  return pandoc.RawInline('html', (text:gsub('[]*_^~`|[\\{}$!@]', function(char) return ('&#%d;'):format(char:byte()) end)))
end

local function boxed_table(tbl)
  tbl.classes:insert 'table'
  return html('<div class="sd-table">' .. as_html(tbl) .. '</div>')
end

-- HTML inside a paragraph leaves as it is, which smalldocs reads; `{=html}` it reads only around a block.
local function unfenced(raw) return pandoc.RawInline('markdown', raw.text) end

function Pandoc(doc)
  doc = doc:walk({Div = conditional, Span = conditional}):walk(numbering)
  local sections = doc.meta['number-sections'] and pandoc.utils.make_sections(true, nil, doc.blocks) or pandoc.Blocks {}
  sections:walk {Div = function(section)
    if section.attributes.number then numbers[section.identifier] = section.attributes.number:gsub('^0%.', '') end
  end}
  doc = doc:walk {Cite = references}
  if cited then doc.blocks:insert(pandoc.Header(2, 'References', {id = 'references', class = 'unnumbered'})) end
  return pandoc.utils.citeproc(doc):walk({Math = mathml}):walk({Table = boxed_table}):walk {RawInline = unfenced}
end
